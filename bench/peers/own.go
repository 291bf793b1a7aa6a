package main

import (
	"context"

	nometric "go.opentelemetry.io/otel/metric/noop"
	notrace "go.opentelemetry.io/otel/trace/noop"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
	"github.com/polywire/polywire/transport/middleware/oteltrace"
)

// Lines of ours against ours: what a layer costs over the one below it.
const (
	plainName    = "without"
	bytesName    = "bytes"
	offKind      = "oteltrace with providers that do nothing"
	plainKind    = "no middleware"
	contractKind = "a Method of package contract, JSON"
	bytesKind    = "the same codec called by hand around Conn.Request and Handle"
)

func tracingOff(ctx context.Context, reply []byte) (requester, error) {
	m, err := oteltrace.New(oteltrace.WithTracerProvider(notrace.NewTracerProvider()), oteltrace.WithMeterProvider(nometric.NewMeterProvider()))
	if err != nil {
		return nil, err
	}
	conn, err := transport.NewRegistry(inproc.Factory()).Open(ctx, isolated, m.Options()...)
	if err != nil {
		return nil, err
	}
	return polywire{conn}, handleQuotes(ctx, conn, reply)
}

// A quote is what the typed lines carry; its text is the body.
type quote struct {
	Text string `json:"text"`
}

var getQuote = contract.NewMethod[quote, quote]("trip.quote")

// A typed requester asks for a quote whose text is the body.
type typed struct {
	polywire
	ask func(ctx context.Context, in *quote) (*quote, error)
}

func (t typed) caller(ctx context.Context, body []byte) (func() ([]byte, error), error) {
	in := &quote{Text: string(body)}
	return func() ([]byte, error) {
		out, err := t.ask(ctx, in)
		if err != nil {
			return nil, err
		}
		return []byte(out.Text), nil
	}, nil
}

// quoter answers with reply, or with what came.
func quoter(reply []byte) func(context.Context, *quote) (*quote, error) {
	made := &quote{Text: string(reply)}
	return func(_ context.Context, in *quote) (*quote, error) {
		if reply == nil {
			return in, nil
		}
		return made, nil
	}
}

func typedRequests(ctx context.Context, reply []byte) (requester, error) {
	p, err := openPolywire(ctx, isolated)
	if err != nil {
		return nil, err
	}
	bus, err := contract.Use(p.conn, jsoncodec.New())
	if err != nil {
		return nil, err
	}
	if _, err := getQuote.Handle(ctx, bus, quoter(reply)); err != nil {
		return nil, err
	}
	caller := getQuote.On(bus)
	return typed{p, func(ctx context.Context, in *quote) (*quote, error) { return caller.Request(ctx, in) }}, nil
}

// byHand does what the contract does, as a careful user without one would.
func byHand(ctx context.Context, reply []byte) (requester, error) {
	p, err := openPolywire(ctx, isolated)
	if err != nil {
		return nil, err
	}
	codec, handler := jsoncodec.New(), quoter(reply)
	_, err = p.conn.Handle(ctx, "trip.quote", func(ctx context.Context, m *transport.Message) (*transport.Message, error) {
		in := new(quote)
		if err := codec.Decode(m.Body, in); err != nil {
			return nil, err
		}
		out, err := handler(ctx, in)
		if err != nil {
			return nil, err
		}
		body, err := codec.Append(make([]byte, 0, 2*small), out)
		return &transport.Message{ContentType: codec.ContentType(), Body: body}, err
	})
	return typed{p, func(ctx context.Context, in *quote) (*quote, error) {
		body, err := codec.Append(make([]byte, 0, 2*small), in)
		if err != nil {
			return nil, err
		}
		reply, err := p.conn.Request(ctx, &transport.Message{Destination: "trip.quote", ContentType: codec.ContentType(), Body: body})
		if err != nil {
			return nil, err
		}
		out := new(quote)
		return out, codec.Decode(reply.Body, out)
	}}, err
}
