package contracttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// A question and its answer are what most cases exchange.
type (
	question struct {
		ID   string   `wire:"id,1"`
		Tags []string `wire:"tags,2,optional"`
	}
	answer struct {
		Text string `wire:"text,1"`
	}
)

func repeat(_ context.Context, in *question) (*answer, error) { return &answer{Text: in.ID}, nil }

func formatCases() []caseOf {
	request := []string{"Request"}
	return []caseOf{
		{"C107", "The reply is written in what Accept asks for, else in the request's format, else in the route's; case and charset=utf-8 do not matter.", []string{"2.3"}, request, negotiation},
		{"T032", "The content type travels; one that the service does not know is refused with the known ones, and the body is not decoded.", []string{"2.3", "5.1"}, request, unknownType},
		{"T043", "A reply that cannot be decoded is Internal for the caller, and the connection goes on.", []string{"4.1"}, request, badReply},
		{"T044", "A request that cannot be decoded is InvalidArgument, and the handler is not entered.", []string{"4.1", "5.1"}, request, badRequest},
		{"T165", "A codec that panics, on either side and in either direction, is Internal without its text, and the connection goes on.", []string{"4.3"}, request, panickingCodecs},
		{"V001", "Peers that write different formats talk to one service, failures included.", []string{"4.3"}, request, mixedPeers},
		{"V002", "A type that the codec refuses fails when it is registered or resolved, and nothing is sent.", []string{"2.1"}, request, refusedTypes},
	}
}

func negotiation(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	method := contract.NewMethod[question, answer](e.Name("ask"))
	e.keep(method.Handle(ctx, server, repeat))
	own, in := e.suite.Codec.ContentType(), &question{ID: "7"}
	bodies := map[string][]byte{own: e.encode(e.suite.Codec, in), otherType: e.encode(other{}, in)}
	for _, tc := range []struct{ sent, contentType, accept, want string }{
		{own, own, "", own},
		{otherType, otherType, "", otherType},
		{own, strings.ToUpper(own) + "; charset=UTF-8", "", own},
		{own, own, otherType, otherType},
		{otherType, otherType, own, own},
		{otherType, otherType, own + ";q=0.2, " + otherType + ";q=0.1", own},
		{otherType, otherType, "text/csv", otherType},
		{otherType, otherType, "*/*", otherType},
	} {
		reply, err := client.Request(ctx, &transport.Message{
			Destination: method.Destination(), ContentType: tc.contentType, Accept: tc.accept, Body: bodies[tc.sent],
		})
		if err != nil {
			return fmt.Errorf("%q accepting %q: %w", tc.contentType, tc.accept, err)
		}
		if reply.ContentType != tc.want {
			e.Errorf("%q accepting %q: got a reply in %q, want %q", tc.contentType, tc.accept, reply.ContentType, tc.want)
			continue
		}
		codec := e.suite.Codec
		if tc.want == otherType {
			codec = other{}
		}
		var out answer
		if err := codec.Decode(reply.Body, &out); err != nil || out.Text != "7" {
			e.Errorf("%q accepting %q: got %+v, %v in the reply", tc.contentType, tc.accept, out, err)
		}
	}
	return nil
}

func unknownType(ctx context.Context, e *env) error {
	s, c := e.Pair(ctx)
	var decoded atomic.Int32
	server, client := e.use(s, counted{e.suite.Codec, &decoded}, counted{other{}, &decoded}), e.use(c, e.suite.Codec)
	method := contract.NewMethod[question, answer](e.Name("ask"))
	e.keep(method.Handle(ctx, server, entered[question, answer](e)))
	for _, contentType := range []string{"text/csv", "application/x-unknown", otherType + "+x"} {
		_, err := client.Request(ctx, &transport.Message{Destination: method.Destination(), ContentType: contentType, Body: e.encode(e.suite.Codec, &question{})})
		if err := code(err, transport.CodeInvalidArgument, contentType); err != nil {
			return err
		}
		for _, known := range []string{e.suite.Codec.ContentType(), otherType} {
			if !strings.Contains(err.Error(), known) {
				e.Errorf("%s: the error does not name %s: %v", contentType, known, err)
			}
		}
	}
	if n := decoded.Load(); n != 0 {
		e.Errorf("%d bodies were decoded, want none", n)
	}
	return nil
}

// garbage is no document of any format.
const garbage = "\xff\xfe{<\x00\x01garbage"

func badReply(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	method := contract.NewMethod[question, answer](e.Name("ask"))
	replies := map[string]*transport.Message{
		"garbage": {ContentType: e.suite.Codec.ContentType(), Body: []byte(garbage)},
		"unknown": {ContentType: "text/csv", Body: []byte("a,b")},
		"empty":   {},
		"good":    {ContentType: e.suite.Codec.ContentType(), Body: e.encode(e.suite.Codec, &answer{Text: "good"})},
	}
	e.keep(server.Handle(ctx, method.Destination(), func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		return replies[msg.Header.Get("want")], nil
	}))
	for _, want := range []string{"garbage", "unknown", "empty", "good"} {
		out, err := method.On(client).With(func(m *transport.Message) { m.Header.Set("want", want) }).Request(ctx, &question{})
		if want == "good" {
			if err != nil || out.Text != "good" {
				return fmt.Errorf("a good reply after bad ones: got %+v, %w", out, err)
			}
			continue
		}
		if err := code(err, transport.CodeInternal, want); err != nil {
			return err
		}
	}
	return nil
}

func badRequest(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	method := contract.NewMethod[question, answer](e.Name("ask"))
	e.keep(method.Handle(ctx, server, entered[question, answer](e)))
	for _, contentType := range []string{e.suite.Codec.ContentType(), otherType} {
		_, err := client.Request(ctx, &transport.Message{Destination: method.Destination(), ContentType: contentType, Body: []byte(garbage)})
		if err := code(err, transport.CodeInvalidArgument, contentType); err != nil {
			return err
		}
		if strings.Contains(err.Error(), "garbage") {
			e.Errorf("%s: the error quotes the body: %v", contentType, err)
		}
	}
	return nil
}

func panickingCodecs(ctx context.Context, e *env) error {
	s, c := e.Pair(ctx)
	for i, tc := range []struct{ server, client codecs.Codec }{
		{panics{Codec: e.suite.Codec, decode: true}, e.suite.Codec},
		{panics{Codec: e.suite.Codec, append: true}, e.suite.Codec},
		{e.suite.Codec, panics{Codec: e.suite.Codec, append: true}},
		{e.suite.Codec, panics{Codec: e.suite.Codec, decode: true}},
	} {
		method := contract.NewMethod[question, answer](e.Name(fmt.Sprintf("ask%d", i)))
		e.keep(method.Handle(ctx, e.use(s, tc.server), repeat))
		_, err := method.On(e.use(c, tc.client)).Request(ctx, &question{ID: "7"})
		if err := code(err, transport.CodeInternal, fmt.Sprintf("codec %d", i)); err != nil {
			return err
		}
		if strings.Contains(err.Error(), secret) {
			e.Errorf("the error holds what the codec panicked with: %v", err)
		}
	}
	method := contract.NewMethod[question, answer](e.Name("well"))
	e.keep(method.Handle(ctx, e.use(s, e.suite.Codec), repeat))
	if out, err := method.On(e.use(c, e.suite.Codec)).Request(ctx, &question{ID: "7"}); err != nil || out.Text != "7" {
		return fmt.Errorf("a good codec after bad ones: got %+v, %w", out, err)
	}
	return nil
}

func mixedPeers(ctx context.Context, e *env) error {
	server, _ := e.buses(ctx)
	_, c := e.Pair(ctx)
	method := contract.NewMethod[question, answer](e.Name("ask"), contract.Fails[refusal](transport.CodeAborted))
	e.keep(method.Handle(ctx, server, func(_ context.Context, in *question) (*answer, error) {
		if in.ID == "" {
			return nil, refusal{Reason: "no id"}
		}
		return &answer{Text: in.ID}, nil
	}))
	for _, codec := range []codecs.Codec{e.suite.Codec, other{}} {
		caller := method.On(e.use(c, codec)) // knows no other format
		if out, err := caller.Request(ctx, &question{ID: codec.Name()}); err != nil || out.Text != codec.Name() {
			e.Errorf("a caller that writes %s: got %+v, %v", codec.Name(), out, err)
		}
		var failed refusal
		if _, err := caller.Request(ctx, &question{}); !errors.As(err, &failed) || failed.Reason != "no id" {
			e.Errorf("a caller that writes %s: got %v, want the declared failure", codec.Name(), err)
		}
	}
	return nil
}

func refusedTypes(ctx context.Context, e *env) error {
	type bad struct {
		Stop chan int `wire:"stop,1"`
	}
	if _, ok := e.suite.Codec.(codecs.TypeChecker); !ok {
		return nil // a codec without an opinion on types has none to refuse
	}
	server, client := e.buses(ctx)
	method := contract.NewMethod[question, bad](e.Name("ask"))
	_, err := method.Handle(ctx, server, entered[question, bad](e))
	if err := code(err, transport.CodeInvalidArgument, "handle"); err != nil {
		return err
	}
	_, err = method.On(client).Request(ctx, &question{})
	if err := code(err, transport.CodeInvalidArgument, "request"); err != nil {
		return err
	}
	if !strings.Contains(err.Error(), "Stop") {
		e.Errorf("the error does not name the field: %v", err)
	}
	return nil
}
