package msgpackcodec

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/polywire/polywire/codecs/msgpackcodec/msgpengine"
	"github.com/vmihailenco/msgpack/v5"
)

// A flatOrder is the flat shape of the benchmarks.
type flatOrder struct {
	ID       string  `json:"id"`
	Customer string  `json:"customer"`
	Status   string  `json:"status"`
	Quantity int32   `json:"quantity"`
	Price    float64 `json:"price"`
	Total    int64   `json:"total"`
	Paid     bool    `json:"paid"`
	Created  int64   `json:"created"`
	Note     string  `json:"note"`
}

func anOrder() *flatOrder {
	return &flatOrder{
		ID: "ord-7f3a91", Customer: "cus-00042", Status: "shipped", Quantity: 3, Price: 19.99,
		Total: 5997, Paid: true, Created: 1700000000123, Note: "leave at the door",
	}
}

// A nestedOrder is the nested shape of the benchmarks, and a list of them the large one.
type nestedOrder struct {
	Head    flatOrder         `json:"head"`
	Lines   []flatOrder       `json:"lines"`
	Labels  map[string]string `json:"labels"`
	At      time.Time         `json:"at"`
	Blob    []byte            `json:"blob"`
	Parent  *flatOrder        `json:"parent,omitempty"`
	Weights []float64         `json:"weights"`
}

func aNestedOrder() *nestedOrder {
	o := &nestedOrder{
		Head: *anOrder(), At: time.Unix(1700000000, 123456789).UTC(), Blob: []byte("0123456789abcdef"), Parent: anOrder(),
		Labels: map[string]string{"region": "eu-west", "tier": "gold", "channel": "web"}, Weights: []float64{1.5, 2.25, 1e-9, 3},
	}
	for i := range 5 {
		line := *anOrder()
		line.ID = fmt.Sprintf("line-%d", i)
		o.Lines = append(o.Lines, line)
	}
	return o
}

type orderList struct {
	Orders []flatOrder `json:"orders"`
}

func anOrderList() *orderList {
	l := &orderList{}
	for i := range 500 {
		o := *anOrder()
		o.ID = fmt.Sprintf("ord-%d", i)
		l.Orders = append(l.Orders, o)
	}
	return l
}

func BenchmarkCodec(b *testing.B) {
	benchShape(b, "order", anOrder())
	benchShape(b, "nested", aNestedOrder())
	benchShape(b, "list", anOrderList())
}

func benchShape[T any](b *testing.B, shape string, v *T) {
	c := New()
	body, err := c.Append(nil, v)
	if err != nil {
		b.Fatal(err)
	}
	row := func(codec, op string, f func() error) {
		b.Run("codec="+codec+"/shape="+shape+"/op="+op, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	buf := make([]byte, 0, 2*len(body))
	row("msgpack", "encode", func() error { _, err := c.Append(buf[:0], v); return err })
	row("msgpack", "decode", func() error { var out T; return c.Decode(body, &out) })
	other := New(WithEngine(msgpengine.Engine{}))
	row("msgpack+msgp", "encode", func() error { _, err := other.Append(buf[:0], v); return err })
	row("msgpack+msgp", "decode", func() error { var out T; return other.Decode(body, &out) })
	e := newEngine()
	row("engine", "encode", func() error { return e.encode(v) })
	row("engine", "decode", func() error { var out T; return e.decode(body, &out) })
}

// An engine is the best public use of the library alone: one Encoder, one
// Decoder and their buffers kept, compact integers, sorted keys.
type engine struct {
	out bytes.Buffer
	in  bytes.Reader
	enc *msgpack.Encoder
	dec *msgpack.Decoder
}

func newEngine() *engine {
	e := new(engine)
	e.enc, e.dec = msgpack.NewEncoder(&e.out), msgpack.NewDecoder(&e.in)
	return e
}

func (e *engine) encode(v any) error {
	e.out.Reset()
	e.enc.Reset(&e.out)
	e.enc.SetCustomStructTag("json")
	e.enc.UseCompactInts(true)
	e.enc.SetSortMapKeys(true)
	return e.enc.Encode(v)
}

func (e *engine) decode(src []byte, v any) error {
	e.in.Reset(src)
	e.dec.Reset(&e.in)
	e.dec.SetCustomStructTag("json")
	e.dec.UsePreallocateValues(true)
	return e.dec.Decode(v)
}
