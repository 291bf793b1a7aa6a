package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/polywire/polywire/adapters/httpwire"
	"github.com/polywire/polywire/codecs/protocodec"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// An unnumbered struct has its numbers in a lock file alone.
type unnumbered struct {
	Name  string        `json:"name"`
	Parts []*unnumbered `json:"parts,omitempty"`
	Count int           `wire:"count,2"`
}

// TestNumbersOfALockFileAreSpokenByTheDescription lets a service whose numbers no tag has be
// called as Protobuf by the command, which knows its description alone: asked for, or in a file.
func TestNumbersOfALockFileAreSpokenByTheDescription(t *testing.T) {
	lock, err := protocodec.ParseLock([]byte(strings.Join([]string{
		"github.com/polywire/polywire/cmd/polywire.unnumbered name 7",
		"github.com/polywire/polywire/cmd/polywire.unnumbered parts 300",
	}, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	double := contract.NewMethod[unnumbered, unnumbered]("shop.double")
	service := contract.NewService("shop", double).WithNumbers(lock.Number)
	address := serveDouble(t, double, service, protocodec.New(protocodec.WithLock(lock)))

	file := filepath.Join(t.TempDir(), "shop.json")
	d, err := service.Describe()
	if err != nil {
		t.Fatal(err)
	}
	document, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	const sent, want = `{"name":"a","count":1,"parts":[{"name":"b","count":2}]}`, `{"name":"aa","parts":[{"name":"b","count":2}],"count":2}` + "\n"
	for _, api := range []string{"describe", file} {
		if got := polywire(t, "request", "shop.double", "-t", address, "--api", api, "--codec", "protobuf", "-d", sent); got != want {
			t.Errorf("--api %s: got %q, want %q", api, got, want)
		}
		if got := polywire(t, "schema", "export", "proto", "-t", address, "--api", api); !strings.Contains(got, "string name = 7;") || !strings.Contains(got, "parts = 300;") {
			t.Errorf("--api %s: got the .proto\n%s", api, got)
		}
	}
}

// serveDouble serves the method and the description of its service, and returns where.
func serveDouble(t *testing.T, double *contract.Method[unnumbered, unnumbered], service *contract.Service, codec *protocodec.Codec) string {
	t.Helper()
	if err := codec.CheckType(reflect.TypeFor[unnumbered]()); err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil { // free, and very likely so until the service listens there
		t.Fatal(err)
	}
	conn, err := transport.NewRegistry(httpwire.Factory()).Open(t.Context(), "http://?listen="+address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	bus, err := contract.Use(conn, codec)
	if err != nil {
		t.Fatal(err)
	}
	_, err = double.Handle(t.Context(), bus, func(_ context.Context, in *unnumbered) (*unnumbered, error) {
		return &unnumbered{Name: in.Name + in.Name, Count: 2 * in.Count, Parts: in.Parts}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bus.Handle(t.Context(), describeDestination, service.ServeDescription); err != nil {
		t.Fatal(err)
	}
	return "http://" + address
}

// polywire runs the command in this process and returns what it prints.
func polywire(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), args, streams{strings.NewReader(""), &out, &errs}); code != exitOK {
		t.Fatalf("%v: exit code %d, want %d: %s", args, code, exitOK, &errs)
	}
	return out.String()
}
