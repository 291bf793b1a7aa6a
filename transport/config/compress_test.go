package config_test

import (
	"context"
	"strings"
	"testing"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/config"
)

const compressing = `version: 1
transports:
  plain: {url: "inproc://x"}
  small: {url: "inproc://x", compress: {algorithm: zstd, threshold: 2KiB, agreed: true}}
defaults: {transport: small}
routes:
  "raw.>": {transport: plain}
profiles:
  gzip: {transports: {small: {compress: {algorithm: gzip, agreed: null, threshold: null}}}}
  off: {transports: {small: {compress: null}}}
`

func TestATransportCompressesAsTheFileSays(t *testing.T) {
	o := options(t)
	bus, err := parse(t, compressing, o).Open(t.Context(), transport.WithOutbound(
		func(next transport.Outbound) transport.Outbound {
			return func(ctx context.Context, op string, msg *transport.Message) (*transport.Message, error) {
				if msg.Header.Has("content-encoding") || msg.Header.Has("accept-encoding") {
					t.Error("the caller's middleware sees what the wire does")
				}
				return next(ctx, op, msg)
			}
		}))
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	raw, err := o.Registry.Open(t.Context(), "inproc://x")
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	for destination, want := range map[string]string{"raw.wire": "", "wire": "zstd"} {
		_, err = raw.Handle(t.Context(), destination, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
			return &transport.Message{Body: []byte(msg.Header.Get("content-encoding"))}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		reply, err := bus.Request(t.Context(), &transport.Message{Destination: destination, Body: make([]byte, 3000)})
		if err != nil || string(reply.Body) != want {
			t.Errorf("%s: on the wire it is in %q, %v; want %q", destination, reply.Body, err, want)
		}
	}
	body := strings.Repeat("all is well. ", 1000)
	for _, destination := range []string{"raw.x", "x"} {
		_, err := bus.Handle(t.Context(), destination, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
			reply := &transport.Message{Body: msg.Body}
			reply.Header.Set("offer", msg.Header.Get("accept-encoding"))
			return reply, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		reply, err := bus.Request(t.Context(), &transport.Message{Destination: destination, Body: []byte(body)})
		if err != nil || string(reply.Body) != body {
			t.Fatalf("%s: got %v, %v", destination, reply, err)
		}
		if got := reply.Header.Get("offer"); got != "" {
			t.Errorf("%s: the handler sees what the request offered, %q", destination, got)
		}
	}
}

func TestCompressionIsPrintedAndExplained(t *testing.T) {
	c := parse(t, compressing, options(t))
	want := "  small:\n    url: inproc://x\n    compress:\n      algorithm: zstd\n      threshold: 2KiB\n      agreed: true\n"
	if text := c.String(); !strings.Contains(text, want) {
		t.Errorf("got\n%s\nwant in it\n%s", text, want)
	}
	if again := parse(t, c.String(), options(t)); again.String() != c.String() {
		t.Errorf("read again, it is\n%s", again)
	}
	if got := c.Route("x").Compress; got != "zstd from 2KiB on, agreed" {
		t.Errorf("the route says %q", got)
	}
	for profile, want := range map[string]string{
		"gzip": "differs  compress: bodies travel compressed by gzip, where it was compressed by zstd from 2KiB on, agreed; only where the reader says that it can\n",
		"off":  "differs  compress: bodies travel as they are, where it was compressed by zstd from 2KiB on, agreed; peers that compress all they send (agreed) are not understood\n",
	} {
		o := options(t)
		o.Profile = profile
		if got := config.Explain(c, parse(t, compressing, o)).String(); !strings.Contains(got, want) {
			t.Errorf("%s: got\n%s\nwant in it\n%s", profile, got, want)
		}
	}
}

func TestAProgramWithoutCompressionRefusesTheKey(t *testing.T) {
	o := options(t)
	o.Compress = nil
	_, err := config.Parse("taxi.yaml", []byte(compressing), o)
	want := "taxi.yaml:4:40: transports.small.compress: this program is built without compression: give config.Options a Compress, as compress.Configure"
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
