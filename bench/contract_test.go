package bench

import (
	"context"
	"testing"

	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// A quote is a flat value of middling size.
type quote struct {
	Trip     string  `json:"trip"`
	Customer string  `json:"customer"`
	Seats    int     `json:"seats"`
	Price    float64 `json:"price"`
	Shared   bool    `json:"shared"`
	Note     string  `json:"note"`
}

var (
	asked    = quote{Trip: "t-71", Customer: "c-12345", Seats: 3, Price: 12.5, Shared: true, Note: "ring at the door"}
	getQuote = contract.NewMethod[quote, quote]("trip.quote")
)

// BenchmarkContract compares a typed request with the same codec used by hand.
func BenchmarkContract(b *testing.B) {
	b.Run("path=bytes", func(b *testing.B) {
		call := byHand(b)
		b.ReportAllocs()
		for b.Loop() {
			call()
		}
	})
	b.Run("path=typed", func(b *testing.B) {
		call := typed(b)
		b.ReportAllocs()
		for b.Loop() {
			call()
		}
	})
}

// typed asks through the contract.
func typed(t testing.TB) func() {
	conn := open(t, "inproc://?inline")
	bus, err := contract.Use(conn, jsoncodec.New())
	must(t, err)
	_, err = getQuote.Handle(t.Context(), bus, func(_ context.Context, q *quote) (*quote, error) { return q, nil })
	must(t, err)
	caller := getQuote.On(bus)
	return func() {
		got, err := caller.Request(t.Context(), &asked)
		if err != nil || *got != asked {
			t.Fatalf("got %v, %v, want %v", got, err, asked)
		}
	}
}

// byHand asks as a careful user without contracts would.
func byHand(t testing.TB) func() {
	conn, codec := open(t, "inproc://?inline"), jsoncodec.New()
	handle(t, conn, "trip.quote", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		in := new(quote)
		if err := codec.Decode(m.Body, in); err != nil {
			return nil, err
		}
		body, err := codec.Append(make([]byte, 0, 128), in)
		return &transport.Message{ContentType: codec.ContentType(), Body: body}, err
	})
	var buf []byte
	return func() {
		body, err := codec.Append(buf[:0], &asked)
		must(t, err)
		buf = body
		reply, err := conn.Request(t.Context(), &transport.Message{Destination: "trip.quote", ContentType: codec.ContentType(), Body: body})
		must(t, err)
		got := new(quote)
		if err := codec.Decode(reply.Body, got); err != nil || *got != asked {
			t.Fatalf("got %v, %v, want %v", got, err, asked)
		}
	}
}
