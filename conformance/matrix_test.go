package conformance_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/transport"
)

var updateMatrix = flag.Bool("matrix", false, "write the matrix of faults in docs/conformance.md anew")

// A fault is something that goes wrong, and the code that semantics 4.4 gives it everywhere.
type fault struct {
	name string
	do   func(ctx context.Context, s side, prefix string) error
}

func faults() []fault {
	request := func(destination string, body int, timeout time.Duration) func(context.Context, side, string) error {
		return func(ctx context.Context, s side, prefix string) error {
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			_, err := s.client.Request(ctx, &transport.Message{Destination: prefix + destination, Body: make([]byte, body)})
			return err
		}
	}
	const long, short = 20 * time.Second, 300 * time.Millisecond
	return []fault{
		{"a handler that stalls", request("stalls", 0, short)},
		{"a handler that panics", request("panics", 0, long)},
		{"a handler that fails without a code", request("fails", 0, long)},
		{"a handler that finds nothing", request("finds-nothing", 0, long)},
		{"a body above 4 MiB", request("stalls", 4<<20+1, long)},
		{"a reply above 4 MiB", request("answers-much", 0, long)},
		{"a destination that is none", request("a..b", 0, long)},
		{"a caller that has given up", func(ctx context.Context, s side, prefix string) error {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return request("stalls", 0, long)(ctx, s, prefix)
		}},
	}
}

// TestTheSameFaultGivesTheSameCodeOnEveryWire makes the matrix of semantics 4.4, and holds the one in docs against it.
func TestTheSameFaultGivesTheSameCodeOnEveryWire(t *testing.T) {
	all := sides(t)
	prefix := "matrix." + strings.ToLower(rand.Text()[:8]) + "."
	for _, s := range all {
		handleFaults(t, s, prefix)
	}
	var table strings.Builder
	table.WriteString("| fault | inproc | http | grpc |\n|---|---|---|---|\n")
	for _, f := range faults() {
		fmt.Fprintf(&table, "| %s |", f.name)
		var first transport.Code
		for i, s := range all {
			err := f.do(t.Context(), s, prefix)
			e := new(transport.Error)
			if !errors.As(err, &e) {
				t.Fatalf("%s on %s: %v, want a *transport.Error", f.name, s.name, err)
			}
			if i == 0 {
				first = e.Code
			}
			if e.Code != first {
				t.Errorf("%s is %v on %s, and %v on %s", f.name, e.Code, s.name, first, all[0].name)
			}
			if i < 3 { // a broker's column is there only where a broker is
				fmt.Fprintf(&table, " %v |", e.Code)
			}
		}
		table.WriteString("\n")
	}
	t.Log("\n" + table.String())
	compareDocs(t, table.String())
}

func handleFaults(t *testing.T, s side, prefix string) {
	t.Helper()
	for name, h := range map[string]transport.Handler{
		"stalls": func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
		"panics": func(context.Context, *transport.Message) (*transport.Message, error) { panic("a bug") },
		"fails":  func(context.Context, *transport.Message) (*transport.Message, error) { return nil, errors.New("a bug") },
		"finds-nothing": func(context.Context, *transport.Message) (*transport.Message, error) {
			return nil, transport.CodeNotFound.Errorf("no such trip")
		},
		"answers-much": func(context.Context, *transport.Message) (*transport.Message, error) {
			return &transport.Message{Body: make([]byte, 4<<20+1)}, nil
		},
	} {
		if _, err := s.server.Handle(t.Context(), prefix+name, h); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
	}
}

// compareDocs holds the table between the marks of docs/conformance.md against table, or writes it there.
func compareDocs(t *testing.T, table string) {
	t.Helper()
	const page = "../docs/conformance.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile(`(?s)(<!-- matrix:[^\n]*-->\n).*?(<!-- end -->)`)
	want := block.ReplaceAll(text, []byte("${1}"+table+"${2}"))
	switch {
	case bytes.Equal(text, want) && block.Match(text):
	case *updateMatrix:
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("docs/conformance.md shows another matrix: go test ./conformance -run SameFault -matrix")
	}
}
