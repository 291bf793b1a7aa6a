package protocodec

import (
	"fmt"
	"testing"
	"time"

	"github.com/polywire/polywire/internal/testpb"
	"google.golang.org/protobuf/proto"
)

// A flatOrder is the flat shape of the benchmarks; testpb has it as a message.
type flatOrder struct {
	ID       string  `wire:"id,1"`
	Customer string  `wire:"customer,2"`
	Status   string  `wire:"status,3"`
	Quantity int32   `wire:"quantity,4"`
	Price    float64 `wire:"price,5"`
	Total    int64   `wire:"total,6"`
	Paid     bool    `wire:"paid,7"`
	Created  int64   `wire:"created,8"`
	Note     string  `wire:"note,9"`
}

func anOrder() *flatOrder {
	return &flatOrder{
		ID: "ord-7f3a91", Customer: "cus-00042", Status: "shipped", Quantity: 3, Price: 19.99,
		Total: 5997, Paid: true, Created: 1700000000123, Note: "leave at the door",
	}
}

// A nestedOrder is the nested shape of the benchmarks, and a list of them the large one.
type nestedOrder struct {
	Head    flatOrder         `wire:"head,1"`
	Lines   []flatOrder       `wire:"lines,2"`
	Labels  map[string]string `wire:"labels,3"`
	At      time.Time         `wire:"at,4"`
	Blob    []byte            `wire:"blob,5"`
	Parent  *flatOrder        `wire:"parent,6"`
	Weights []float64         `wire:"weights,7"`
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
	Orders []flatOrder `wire:"orders,1"`
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
	benchShape(b, "order", anOrder(), &testpb.Order{})
	benchShape(b, "nested", aNestedOrder(), &testpb.Nested{})
	benchShape(b, "list", anOrderList(), &testpb.List{})
}

// benchShape measures a plain struct beside the generated message of the same
// bytes: through the codec, and through the engine alone, as it is best used.
func benchShape[T any](b *testing.B, shape string, v *T, m proto.Message) {
	c := New()
	body := mustAppend(b, c, v)
	if err := proto.Unmarshal(body, m); err != nil {
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
	row("protobuf", "encode", func() error { _, err := c.Append(buf[:0], v); return err })
	row("protobuf", "decode", func() error { var out T; return c.Decode(body, &out) })
	row("generated", "encode", func() error { _, err := c.Append(buf[:0], m); return err })
	row("generated", "decode", func() error { return c.Decode(body, m.ProtoReflect().New().Interface()) })
	engine := proto.MarshalOptions{Deterministic: true}
	row("engine", "encode", func() error { _, err := engine.MarshalAppend(buf[:0], m); return err })
	row("engine", "decode", func() error { return proto.Unmarshal(body, m.ProtoReflect().New().Interface()) })
}
