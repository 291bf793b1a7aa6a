package contract_test

import (
	"context"
	"errors"
	"testing"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// directBus calls its one handler on the caller's goroutine, so that what is
// measured is the contract alone.
type directBus struct {
	contract.Bus
	codec    codecs.Codec
	registry *codecs.Registry
	handler  transport.Handler
}

func newDirectBus(t testing.TB) *directBus {
	registry, err := codecs.NewRegistry(jsoncodec.New())
	must(t, err)
	codec, err := registry.ByName("json")
	must(t, err)
	return &directBus{codec: codec, registry: registry}
}

func (d *directBus) Codecs(string) (codecs.Codec, *codecs.Registry) { return d.codec, d.registry }

func (d *directBus) Handle(_ context.Context, _ string, h transport.Handler, _ ...transport.BindOption) (*transport.Subscription, error) {
	d.handler = h
	return nil, nil
}

func (d *directBus) Request(ctx context.Context, msg *transport.Message, _ ...transport.CallOption) (*transport.Message, error) {
	return d.handler(ctx, msg)
}

func (d *directBus) Send(ctx context.Context, msg *transport.Message, _ ...transport.CallOption) error {
	_, err := d.handler(ctx, msg)
	return err
}

// order is a flat message of middling size.
type order struct {
	ID       string  `json:"id"`
	Customer string  `json:"customer"`
	Product  string  `json:"product"`
	Count    int     `json:"count"`
	Price    float64 `json:"price"`
	Paid     bool    `json:"paid"`
	Note     string  `json:"note"`
}

var (
	benchOrder = order{ID: "o-71", Customer: "c-12345", Product: "p-99871-b", Count: 3, Price: 12.5, Paid: true, Note: "leave it at the door"}
	place      = contract.NewMethod[order, order]("bench.place")
	placed     = contract.NewQueue[order]("bench.placed")
)

// bytesHandler and bytesCall are what a careful user writes without contracts.
func bytesHandler(codec codecs.Codec) transport.Handler {
	return func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		if msg.ContentType != codec.ContentType() {
			return nil, errors.New("unknown content type")
		}
		in := new(order)
		if err := codec.Decode(msg.Body, in); err != nil {
			return nil, err
		}
		body, err := codec.Append(make([]byte, 0, 192), in)
		if err != nil {
			return nil, err
		}
		return &transport.Message{ContentType: codec.ContentType(), Body: body}, nil
	}
}

func bytesCall(ctx context.Context, bus contract.Bus, codec codecs.Codec, buf *[]byte) (*order, error) {
	body, err := codec.Append((*buf)[:0], &benchOrder)
	if err != nil {
		return nil, err
	}
	*buf = body
	reply, err := bus.Request(ctx, &transport.Message{Destination: "bench.place", ContentType: codec.ContentType(), Body: body})
	if err != nil {
		return nil, err
	}
	if reply.ContentType != codec.ContentType() {
		return nil, errors.New("unknown content type")
	}
	out := new(order)
	return out, codec.Decode(reply.Body, out)
}

func same(_ context.Context, in *order) (*order, error) { return in, nil }

func TestTheContractAllocatesNothingOfItsOwn(t *testing.T) {
	if raceEnabled {
		t.Skip("a sync.Pool drops what it is given under -race")
	}
	ctx, bus := t.Context(), newDirectBus(t)
	var buf []byte
	bus.handler = bytesHandler(bus.codec)
	plain := testing.AllocsPerRun(1000, func() {
		if _, err := bytesCall(ctx, bus, bus.codec, &buf); err != nil {
			t.Fatal(err)
		}
	})
	_, err := place.Handle(ctx, bus, same)
	must(t, err)
	caller := place.On(bus)
	typed := testing.AllocsPerRun(1000, func() {
		if _, err := caller.Request(ctx, &benchOrder); err != nil {
			t.Fatal(err)
		}
	})
	if typed > plain {
		t.Errorf("a typed request: got %v allocations, want no more than the %v of codec and bytes", typed, plain)
	}
	bus.handler = func(context.Context, *transport.Message) (*transport.Message, error) { return nil, nil }
	sender := placed.On(bus)
	if n := testing.AllocsPerRun(1000, func() { must(t, sender.Send(ctx, &benchOrder)) }); n != 0 {
		t.Errorf("a typed send: got %v allocations, want 0", n)
	}
}

// BenchmarkRequest compares the contract with what it replaces; run it with
// -count 10 and benchstat -col /path.
func BenchmarkRequest(b *testing.B) {
	ctx := b.Context()
	b.Run("path=bytes", func(b *testing.B) {
		bus, buf := newDirectBus(b), []byte(nil)
		bus.handler = bytesHandler(bus.codec)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := bytesCall(ctx, bus, bus.codec, &buf); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("path=typed", func(b *testing.B) {
		bus := newDirectBus(b)
		_, err := place.Handle(ctx, bus, same)
		must(b, err)
		caller := place.On(bus)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := caller.Request(ctx, &benchOrder); err != nil {
				b.Fatal(err)
			}
		}
	})
}
