package conformance_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	adapters "github.com/polywire/polywire/adapters/all"
	"github.com/polywire/polywire/transport"
)

// A side is one wire with its two ends: what the client calls the server handles.
type side struct {
	name           string
	server, client *transport.Conn
}

// sides opens every wire that there is here: those without a broker, and those whose broker the environment names.
func sides(t *testing.T) []side {
	reg := adapters.Registry()
	open := func(rawURL string) *transport.Conn {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		c, err := reg.Open(ctx, rawURL)
		if err != nil {
			t.Fatalf("open %s: %v", rawURL, err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	all := []side{{"inproc", open("inproc://"), open("inproc://")}}
	for _, scheme := range []string{"http", "grpc"} {
		server := open(scheme + "://?listen=127.0.0.1:0")
		all = append(all, side{scheme, server, open(scheme + "://" + server.Addr())})
	}
	for name, env := range map[string]string{"amqp": "POLYWIRE_TEST_AMQP_URL", "kafka": "POLYWIRE_TEST_KAFKA_URL"} {
		broker := os.Getenv(env)
		switch {
		case broker != "":
			all = append(all, side{name, open(broker), open(broker)})
		case os.Getenv("CI") == "true":
			t.Fatalf("%s is not set", env)
		default:
			t.Logf("without %s: set %s, as scripts/brokers env prints it", name, env)
		}
	}
	return all
}

// T196: a message that crosses from one wire to another and back is the same message.
func TestAMessageCrossesFromEachWireToEachOtherAndBack(t *testing.T) {
	all := sides(t)
	for _, a := range all {
		for _, b := range all {
			t.Run(a.name+" to "+b.name, func(t *testing.T) { bridge(t, a, b) })
		}
	}
}

// bridge calls on a, which forwards to b, which forwards to a, which answers.
func bridge(t *testing.T, a, b side) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	prefix := "bridge." + strings.ToLower(rand.Text()[:8]) + "."
	last := make(chan *transport.Message, 1)
	handle := func(c *transport.Conn, name string, h transport.Handler) {
		sub, err := c.Handle(ctx, prefix+name, h)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = sub.Close(context.WithoutCancel(ctx)) })
	}
	handle(a.server, "first", forward(b.client, prefix+"second"))
	handle(b.server, "second", forward(a.client, prefix+"third"))
	handle(a.server, "third", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		last <- msg.Clone()
		return &transport.Message{Body: msg.Body, Header: msg.Header, ContentType: msg.ContentType}, nil
	})
	for name, msg := range crossing() {
		msg.Destination, msg.ID = prefix+"first", rand.Text()
		reply, err := a.client.Request(ctx, msg)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := <-last
		if problem := differs(got, msg); problem != "" {
			t.Errorf("%s: after three wires %s", name, problem)
		}
		if got.ID != msg.ID || got.CorrelationID != msg.CorrelationID || got.Key != msg.Key || got.ReplyTo != msg.ReplyTo || got.Params.Encode() != msg.Params.Encode() {
			t.Errorf("%s: ID, correlation, key, reply-to or params changed: got %q %q %q %q %v", name, got.ID, got.CorrelationID, got.Key, got.ReplyTo, got.Params)
		}
		if problem := differs(reply, msg); problem != "" {
			t.Errorf("%s: the reply came back so that %s", name, problem)
		}
	}
}

// forward passes a request on as it is, under the name that the next wire has for it.
func forward(to *transport.Conn, destination string) transport.Handler {
	return func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		next := msg.Clone()
		next.Destination = destination
		return to.Request(ctx, next)
	}
}

// differs tells in what got is not want.
func differs(got, want *transport.Message) string {
	have, should := fieldsOf(got.Header), fieldsOf(want.Header)
	switch {
	case !bytes.Equal(got.Body, want.Body):
		return fmt.Sprintf("the body has %d bytes, want %d, and they are not the same", len(got.Body), len(want.Body))
	case !slices.Equal(have, should):
		return fmt.Sprintf("the header is %q, want %q", have, should)
	case got.ContentType != want.ContentType:
		return fmt.Sprintf("the content type is %q, want %q", got.ContentType, want.ContentType)
	}
	return ""
}

func fieldsOf(h transport.Header) []string {
	var all []string
	for k, v := range h.All() {
		all = append(all, k+": "+v)
	}
	return all
}

// crossing are messages that one wire or another finds hard.
func crossing() map[string]*transport.Message {
	header := func(pairs ...string) (h transport.Header) {
		for i := 0; i < len(pairs); i += 2 {
			h.Add(pairs[i], pairs[i+1])
		}
		return h
	}
	var printable strings.Builder
	for c := byte(' '); c <= '~'; c++ {
		printable.WriteByte(c)
	}
	everyByte := make([]byte, 256)
	for i := range everyByte {
		everyByte[i] = byte(i)
	}
	binary := header()
	binary.SetBinary("token-bin", everyByte)
	return map[string]*transport.Message{
		"nothing":              {},
		"every byte":           {Body: everyByte},
		"a mebibyte":           {Body: bytes.Repeat(everyByte, 4096)},
		"all that is printed":  {Header: header("x-all", printable.String())},
		"spaces":               {Header: header("x-a", " a ", "x-b", "", "x-c", "  ", "x-d", "a  b")},
		"other scripts":        {Header: header("x-a", "Grüße 日本語 😀 e\u0301 \u202eabc")},
		"many under one key":   {Header: header("x-a", "1", "x-b", "2", "x-a", "3", "x-a", "1,2")},
		"binary":               {Header: binary},
		"names of HTTP":        {Header: header("host", "a", "content-length", "7", "connection", "close", "transfer-encoding", "x", "authorization", "none", "te", "x", "cookie", "a=b; c=d")},
		"names of gRPC":        {Header: header("grpc-status", "5", "grpc-message", "%41", "grpc-timeout", "1S", "user-agent", "me")},
		"names of brokers":     {Header: header("priority", "9", "expiration", "1", "x-death", "1", "reply-address", "r")},
		"text that looks like": {Body: []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n\x00\x00\x00\x00\x05"), ContentType: "text/plain; charset=utf-8"},
		"every field": {
			CorrelationID: "order 7/ä", Key: "key: 1", ReplyTo: "answers.here", ContentType: "application/json", Body: []byte(`{"a":1}`),
			Params: url.Values{"id": {"7", "8"}, "q": {"a b&c=d"}, "ä": {""}},
		},
	}
}
