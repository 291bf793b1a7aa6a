package contract_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// fakeCodec fails as a test wants, and counts what it was asked to read.
type fakeCodec struct {
	codecs.Codec
	append, decode, check func() error
	decoded               atomic.Int32
}

func (f *fakeCodec) Append(dst []byte, v any) ([]byte, error) {
	if f.append != nil {
		return dst, f.append()
	}
	return f.Codec.Append(dst, v)
}

func (f *fakeCodec) Decode(src []byte, v any) error {
	f.decoded.Add(1)
	if f.decode != nil {
		return f.decode()
	}
	return f.Codec.Decode(src, v)
}

func (f *fakeCodec) CheckType(reflect.Type) error {
	if f.check != nil {
		return f.check()
	}
	return nil
}

func TestTheReplysCodec(t *testing.T) {
	ctx, conn := t.Context(), open(t)
	plain := contract.NewMethod[askRequest, askReply]("test.plain")
	_, err := plain.Handle(ctx, use(t, conn, jsoncodec.New(), gobCodec{}), echoID)
	must(t, err)
	ping := contract.NewMethod[contract.None, askReply]("test.none")
	_, err = ping.Handle(ctx, use(t, conn, jsoncodec.New(), gobCodec{}), func(context.Context, *contract.None) (*askReply, error) {
		return &askReply{}, nil
	})
	must(t, err)
	gobBody, err := gobCodec{}.Append(nil, &askRequest{ID: "7"})
	must(t, err)
	const json, gob = "application/json", "application/x-gob"
	for _, tc := range []struct{ to, contentType, accept, want string }{
		{"test.plain", json, "", json},
		{"test.plain", gob, "", gob},
		{"test.plain", "", "", json},
		{"test.plain", "Application/JSON; charset=utf-8", "", json},
		{"test.plain", json, gob, gob},
		{"test.plain", gob, json, json},
		{"test.plain", gob, "*/*", gob},
		{"test.plain", gob, "application/json;q=0.2, application/x-gob;q=0.1", json},
		{"test.plain", gob, "text/csv", gob},
		{"test.plain", "application/gob", "", gob},
		{"test.plain", json, "application/gob", gob},
		{"test.plain", gob, "not a list", gob},
		{"test.none", "", "", json},
		{"test.none", "", gob, gob},
		{"test.none", gob, "", gob},
		{"test.none", "text/csv", "", json},
	} {
		msg := &transport.Message{Destination: tc.to, ContentType: tc.contentType, Accept: tc.accept, Body: []byte(`{"id":"7"}`)}
		if tc.contentType == gob || tc.contentType == "application/gob" {
			msg.Body = gobBody
		}
		reply, err := conn.Request(ctx, msg)
		if err != nil || reply.ContentType != tc.want {
			t.Errorf("%+v: got %v, %v", tc, reply, err)
		}
	}
}

func TestPeersWithDifferentCodecsTalk(t *testing.T) {
	ctx, conn := t.Context(), open(t)
	_, err := ask.Handle(ctx, use(t, conn, jsoncodec.New(), gobCodec{}), func(_ context.Context, in *askRequest) (*askReply, error) {
		if in.ID == "bad" {
			return nil, Refused{"bad"}
		}
		return &askReply{Text: in.ID}, nil
	})
	must(t, err)
	caller := ask.On(use(t, conn, gobCodec{}))
	got, err := caller.Request(ctx, &askRequest{ID: "7"})
	if err != nil || got.Text != "7" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := caller.Request(ctx, &askRequest{ID: "bad"}); !errors.As(err, new(Refused)) {
		t.Errorf("got %v, want Refused in the caller's format", err)
	}
	got, err = ask.On(use(t, conn, jsoncodec.New(), gobCodec{})).
		With(func(m *transport.Message) { m.Accept = "application/x-gob" }).Request(ctx, &askRequest{ID: "8"})
	if err != nil || got.Text != "8" {
		t.Errorf("got %+v, %v from a reply in another codec than the request", got, err)
	}
}

func TestAnUnknownContentTypeIsRefusedUnread(t *testing.T) {
	ctx, conn := t.Context(), open(t)
	fake := &fakeCodec{Codec: jsoncodec.New()}
	_, err := ask.Handle(ctx, use(t, conn, fake, gobCodec{}), func(context.Context, *askRequest) (*askReply, error) {
		t.Error("the handler was entered")
		return nil, nil
	})
	must(t, err)
	for _, contentType := range []string{"text/csv", "application/problem+json", "application/json; charset=latin1", ";", "\u00fc"} {
		_, err := conn.Request(ctx, &transport.Message{Destination: "test.ask", ContentType: contentType, Body: []byte("{}")})
		e := wantCode(t, err, transport.CodeInvalidArgument)
		if !strings.Contains(contentType, "charset") && !strings.Contains(e.Message, "application/json, application/x-gob") {
			t.Errorf("%s: got %q, want the known types named", contentType, e.Message)
		}
	}
	if n := fake.decoded.Load(); n != 0 {
		t.Errorf("%d bodies were decoded", n)
	}
}

func TestABodyThatCannotBeReadNeverReachesTheHandler(t *testing.T) {
	ctx, conn := t.Context(), open(t)
	_, err := ask.Handle(ctx, use(t, conn, jsoncodec.New()), func(context.Context, *askRequest) (*askReply, error) {
		t.Error("the handler was entered")
		return nil, nil
	})
	must(t, err)
	for _, body := range []string{"", "{", `{"id":7}`, `{"limit":1e99}`, "\xff", `{"id":"a"}x`} {
		_, err := conn.Request(ctx, &transport.Message{Destination: "test.ask", ContentType: "application/json", Body: []byte(body)})
		if e := wantCode(t, err, transport.CodeInvalidArgument); !strings.HasPrefix(e.Message, "the body cannot be read: json: decode") {
			t.Errorf("%q: got %q", body, e.Message)
		}
	}
}

func TestACompressedBodyThatNobodyInflatedIsNotRead(t *testing.T) {
	ctx, conn := t.Context(), open(t)
	_, err := ask.Handle(ctx, use(t, conn, jsoncodec.New()), echoID)
	must(t, err)
	for encoding, refused := range map[string]bool{"gzip": true, "ZSTD": true, "br": true, "identity": false, "utf-8": false} {
		msg := &transport.Message{Destination: "test.ask", ContentType: "application/json", Body: []byte(`{"id":"7"}`)}
		msg.Header.Set("content-encoding", encoding)
		_, err := conn.Request(ctx, msg)
		if !refused {
			must(t, err)
			continue
		}
		if e := wantCode(t, err, transport.CodeInvalidArgument); !strings.Contains(e.Message, "compressed by "+encoding) || !strings.Contains(e.Message, "transport/middleware/compress") {
			t.Errorf("%s: got %q", encoding, e.Message)
		}
	}
	_, err = conn.Handle(ctx, "test.packed", func(context.Context, *transport.Message) (*transport.Message, error) {
		reply := &transport.Message{ContentType: "application/json", Body: []byte(`{}`)}
		reply.Header.Set("content-encoding", "gzip")
		return reply, nil
	})
	must(t, err)
	packed := contract.NewMethod[askRequest, askReply]("test.packed")
	_, err = packed.On(use(t, conn, jsoncodec.New())).Request(ctx, &askRequest{})
	wantCode(t, err, transport.CodeInternal)
}

func TestAReplyThatCannotBeReadIsInternal(t *testing.T) {
	ctx, conn := t.Context(), open(t)
	replies := map[string]*transport.Message{
		"bad":     {ContentType: "application/json", Body: []byte("{")},
		"unknown": {ContentType: "text/csv", Body: []byte("{}")},
		"empty":   {},
		"good":    {Body: []byte(`{"text":"yes"}`)}, // no content type: the route's codec
	}
	_, err := conn.Handle(ctx, "test.ask", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		return replies[msg.Header.Get("want")], nil
	})
	must(t, err)
	bus := use(t, conn, jsoncodec.New())
	for _, want := range []string{"bad", "unknown", "empty", "good"} {
		caller := ask.On(bus).With(func(m *transport.Message) { m.Header.Set("want", want) })
		got, err := caller.Request(ctx, &askRequest{})
		if want == "good" {
			if err != nil || got.Text != "yes" {
				t.Errorf("got %+v, %v", got, err)
			}
			continue
		}
		if e := wantCode(t, err, transport.CodeInternal); e.Op != "request" || e.Destination != "test.ask" || got != nil {
			t.Errorf("%s: got %v, %v", want, got, e)
		}
	}
}

func TestCodecsThatFail(t *testing.T) {
	fail := errors.New("will not")
	boom := func() error { panic("secret") }
	for name, tc := range map[string]struct {
		client, server *fakeCodec
		code           transport.Code
		text           string
	}{
		"the client cannot write":       {&fakeCodec{append: func() error { return fail }}, &fakeCodec{}, transport.CodeInvalidArgument, "will not"},
		"the client writes too much":    {&fakeCodec{append: func() error { return codecs.ErrLimit }}, &fakeCodec{}, transport.CodeResourceExhausted, "limit exceeded"},
		"the client panics writing":     {&fakeCodec{append: boom}, &fakeCodec{}, transport.CodeInternal, "the codec panicked in github.com/polywire/polywire/transport/contract_test.TestCodecsThatFail.func"},
		"the client panics reading":     {&fakeCodec{decode: boom}, &fakeCodec{}, transport.CodeInternal, "the codec panicked"},
		"the server panics reading":     {&fakeCodec{}, &fakeCodec{decode: boom}, transport.CodeInternal, "the handler panicked"},
		"the server cannot write":       {&fakeCodec{}, &fakeCodec{append: func() error { return fail }}, transport.CodeInternal, "the reply cannot be written: will not"},
		"the server panics in writing":  {&fakeCodec{}, &fakeCodec{append: boom}, transport.CodeInternal, "the handler panicked"},
		"the server cannot read":        {&fakeCodec{}, &fakeCodec{decode: func() error { return fail }}, transport.CodeInvalidArgument, "the body cannot be read: will not"},
		"the client lacks a schema":     {&fakeCodec{append: func() error { return codecs.ErrUnavailable }}, &fakeCodec{}, transport.CodeUnavailable, "not available now"},
		"the server lacks a schema":     {&fakeCodec{}, &fakeCodec{decode: func() error { return codecs.ErrUnavailable }}, transport.CodeUnavailable, "the body cannot be read: not available now"},
		"the client cannot resolve":     {&fakeCodec{decode: func() error { return codecs.ErrUnavailable }}, &fakeCodec{}, transport.CodeUnavailable, "the reply cannot be read: not available now"},
		"the client cannot read at all": {&fakeCodec{decode: func() error { return fail }}, &fakeCodec{}, transport.CodeInternal, "the reply cannot be read: will not"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, conn := t.Context(), open(t)
			tc.client.Codec, tc.server.Codec = jsoncodec.New(), jsoncodec.New()
			_, err := ask.Handle(ctx, use(t, conn, tc.server), echoID)
			must(t, err)
			_, err = ask.On(use(t, conn, tc.client)).Request(ctx, &askRequest{ID: "7"})
			e := wantCode(t, err, tc.code)
			if !strings.Contains(e.Message, tc.text) || strings.Contains(e.Message, "secret") {
				t.Errorf("got %q, want %q in it", e.Message, tc.text)
			}
		})
	}
}

func TestATypeThatTheCodecRefusesFailsAtOnce(t *testing.T) {
	ctx, conn := t.Context(), open(t)
	type bad struct {
		C chan int `json:"c"`
	}
	method := contract.NewMethod[askRequest, bad]("test.bad")
	bus := use(t, conn, jsoncodec.New())
	_, err := method.Handle(ctx, bus, func(context.Context, *askRequest) (*bad, error) { return nil, nil })
	for _, err := range []error{err, func() error { _, err := method.On(bus).Request(ctx, &askRequest{}); return err }()} {
		e := wantCode(t, err, transport.CodeInvalidArgument)
		if !errors.Is(err, codecs.ErrUnsupported) || !strings.Contains(e.Message, "test.bad: reply type") || !strings.Contains(e.Message, "bad.C") {
			t.Errorf("got %v, want the endpoint and the path of the field", err)
		}
	}
	if _, err := conn.Request(ctx, &transport.Message{Destination: "test.bad"}); !errors.Is(err, transport.ErrNoHandler) {
		t.Errorf("got %v, want no handler registered", err)
	}
}

// routes is a Bus with a codec for some destinations, as a configuration may have.
type routes struct {
	contract.Bus
	codec    codecs.Codec
	registry *codecs.Registry
}

func (r routes) Codecs(string) (codecs.Codec, *codecs.Registry) { return r.codec, r.registry }

func TestABusWithoutCodecs(t *testing.T) {
	ctx, conn := t.Context(), open(t)
	bus := use(t, conn, jsoncodec.New())
	_, err := ask.On(routes{Bus: bus}).Request(ctx, &askRequest{})
	if e := wantCode(t, err, transport.CodeInvalidArgument); e.Message != "no codec for test.ask: name one in its route, its transport or the defaults" {
		t.Errorf("got %q", e.Message)
	}
	_, err = ask.On(nil).Request(ctx, &askRequest{})
	wantCode(t, err, transport.CodeInvalidArgument)
	_, err = ask.Handle(ctx, nil, echoID)
	wantCode(t, err, transport.CodeInvalidArgument)
	alone := routes{bus, jsoncodec.New(), nil} // a codec and no registry is that codec alone
	_, err = ask.Handle(ctx, alone, echoID)
	must(t, err)
	if got, err := ask.On(alone).Request(ctx, &askRequest{ID: "7"}); err != nil || got.Text != "7" {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = conn.Request(ctx, &transport.Message{Destination: "test.ask", ContentType: "text/csv"})
	wantCode(t, err, transport.CodeInvalidArgument)
}

func TestUseRefusesCodecsThatClash(t *testing.T) {
	conn := open(t)
	for _, list := range [][]codecs.Codec{{nil}, {jsoncodec.New(), jsoncodec.New()}, {gobCodec{}, nil}} {
		_, err := contract.Use(conn, list[0], list[1:]...)
		wantCode(t, err, transport.CodeInvalidArgument)
	}
}
