package httpwire

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/polywire/polywire/internal/peertest"
	"github.com/polywire/polywire/transport"
)

var update = flag.Bool("update", false, "write what nodes answer to testdata")

// goldenNode is the node that testdata and docs/wire/http.md speak with.
func goldenNode(t *testing.T) *transport.Conn {
	node := serve(t, "")
	handle(t, node, "trip.quote", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		reply := &transport.Message{ContentType: "application/json", Body: []byte(`{"price":7}` + "\n"), ID: "reply-1"}
		reply.Header.Set("currency", "EUR")
		reply.Header.Set("x-city", msg.Header.Get("x-city"))
		return reply, nil
	})
	handle(t, node, "trip.cancel", func(context.Context, *transport.Message) (*transport.Message, error) {
		e := transport.CodeFailedPrecondition.Errorf("trip 7 has begun")
		e.Details = []transport.Detail{{Type: "trip", Data: []byte("7")}}
		return nil, e
	})
	handle(t, node, "log", func(context.Context, *transport.Message) (*transport.Message, error) { return nil, nil })
	subscribe(t, node, "trip.survey", func(context.Context, *transport.Message) (*transport.Message, error) {
		return &transport.Message{Body: []byte("me")}, nil
	})
	return node
}

// volatile are values that differ each time.
var volatile = regexp.MustCompile(`(?m)("?(?:^retry|^id|Date|Polywire-Id|Polywire-Time|Polywire-Timeout|Polywire-Source|Polywire-Responder|Polywire-Stream)"?: ?\[?"?)[^"\n]+`)

// exchangeGolden sends head to the node and prints its answer, of a stream as far as the first message.
func exchangeGolden(t *testing.T, node *transport.Conn, head string) string {
	c, err := net.Dial("tcp", node.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	top, body, _ := strings.Cut(head, "\n\n")
	if _, err := io.WriteString(c, strings.ReplaceAll(top, "\n", "\r\n")+"\r\n\r\n"+body); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s\n", resp.Proto, resp.Status)
	var names []string
	for name := range resp.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(resp.Header[name], ", "))
	}
	b.WriteByte('\n')
	if !strings.HasPrefix(head, "GET /subscribe") {
		if _, err := b.ReadFrom(resp.Body); err != nil {
			t.Fatal(err)
		}
		return volatile.ReplaceAllString(b.String(), "${1}…")
	}
	msg := &transport.Message{Destination: "news.local", ContentType: "text/plain", Body: []byte("hello")}
	msg.Header.Set("tenant", "acme")
	if err := node.Publish(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		b.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "{") {
			break
		}
	}
	return volatile.ReplaceAllString(b.String(), "${1}…")
}

func TestNodesAnswerAsRecordedAndDocumented(t *testing.T) {
	peertest.Transcripts{
		Glob: "testdata/*.txt", Page: "../../docs/wire/http.md", Least: 8, Update: *update,
		Exchange: func(request string) string { return exchangeGolden(t, goldenNode(t), request) },
	}.Check(t)
}
