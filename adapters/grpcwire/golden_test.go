package grpcwire

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/polywire/polywire/internal/peertest"
	"github.com/polywire/polywire/transport"
)

var update = flag.Bool("update", false, "write what nodes answer to testdata")

// goldenNode is the node that testdata and docs/wire/grpc.md speak with.
func goldenNode(t *testing.T) *transport.Conn {
	node := serve(t, "")
	handle(t, node, "acme.v1.Trips.Quote", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		reply := &transport.Message{ContentType: "application/json", Body: []byte(`{"price":7}`)}
		reply.Header.Set("currency", "EUR")
		reply.Header.Set("x-city", msg.Header.Get("x-city"))
		reply.Header.Set("trailer-cost", "12")
		return reply, nil
	})
	handle(t, node, "acme.v1.Trips.Cancel", func(context.Context, *transport.Message) (*transport.Message, error) {
		e := transport.CodeFailedPrecondition.Errorf("trip 7 has begun")
		e.Details = []transport.Detail{{Type: "trip", Data: []byte("7")}}
		return nil, e
	})
	handle(t, node, "log", func(context.Context, *transport.Message) (*transport.Message, error) { return nil, nil })
	return node
}

// volatile are values that differ each time.
var volatile = regexp.MustCompile(`(?m)^(polywire-message: ).*`)

// exchangeGolden sends a request to the node and prints its answer. Bytes are shown as Go quotes them.
func exchangeGolden(t *testing.T, node *transport.Conn, request string) string {
	top, body, _ := strings.Cut(request, "\n\n")
	lines := strings.Split(top, "\n")
	message, err := strconv.Unquote("`" + body + "`")
	if strings.Contains(body, `\`) {
		message, err = strconv.Unquote(`"` + strings.ReplaceAll(body, `"`, `\"`) + `"`)
	}
	if err != nil {
		t.Fatal(err)
	}
	framed := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+node.Addr()+strings.TrimPrefix(lines[0], "POST "), bytes.NewReader(framed))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines[1:] {
		k, v, _ := strings.Cut(l, ": ")
		req.Header.Add(k, v)
	}
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: p}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var data, b bytes.Buffer
	if _, err := data.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "HTTP/2 %s\n", strconv.Itoa(resp.StatusCode))
	writeFields(&b, resp.Header)
	for rest := data.Bytes(); len(rest) >= 5; {
		n := 5 + int(binary.BigEndian.Uint32(rest[1:]))
		quoted := strconv.Quote(string(rest[5:n]))
		if n == 5 {
			quoted = `"(empty)"`
		}
		fmt.Fprintf(&b, "\n%s\n", strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`))
		rest = rest[n:]
	}
	if len(resp.Trailer) > 0 {
		b.WriteByte('\n')
		writeFields(&b, resp.Trailer)
	}
	return volatile.ReplaceAllString(b.String(), "${1}…")
}

func writeFields(b *bytes.Buffer, h http.Header) {
	var names []string
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range h[name] {
			fmt.Fprintf(b, "%s: %s\n", strings.ToLower(name), v)
		}
	}
}

func TestNodesAnswerAsRecordedAndDocumented(t *testing.T) {
	peertest.Transcripts{
		Glob: "testdata/*.txt", Page: "../../docs/wire/grpc.md", Least: 6, Update: *update, Requests: true,
		Exchange: func(request string) string { return exchangeGolden(t, goldenNode(t), request) },
	}.Check(t)
}
