package xmlcodec

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"
)

// A flatOrder is the flat shape of the benchmarks.
type flatOrder struct {
	ID       string  `json:"id" xml:"id"`
	Customer string  `json:"customer" xml:"customer"`
	Status   string  `json:"status" xml:"status"`
	Quantity int32   `json:"quantity" xml:"quantity"`
	Price    float64 `json:"price" xml:"price"`
	Total    int64   `json:"total" xml:"total"`
	Paid     bool    `json:"paid" xml:"paid"`
	Created  int64   `json:"created" xml:"created"`
	Note     string  `json:"note" xml:"note"`
}

func anOrder() *flatOrder {
	return &flatOrder{
		ID: "ord-7f3a91", Customer: "cus-00042", Status: "shipped", Quantity: 3, Price: 19.99,
		Total: 5997, Paid: true, Created: 1700000000123, Note: "leave at the door",
	}
}

// A nestedOrder is the nested shape of the benchmarks, without a map, which
// encoding/xml does not carry.
type nestedOrder struct {
	Head    flatOrder   `json:"head" xml:"head"`
	Lines   []flatOrder `json:"lines" xml:"lines"`
	At      time.Time   `json:"at" xml:"at"`
	Blob    string      `json:"blob" xml:"blob"`
	Parent  *flatOrder  `json:"parent,omitempty" xml:"parent,omitempty"`
	Weights []float64   `json:"weights" xml:"weights"`
}

func aNestedOrder() *nestedOrder {
	o := &nestedOrder{
		Head: *anOrder(), At: time.Unix(1700000000, 123456789).UTC(), Blob: "<0123456789> & é", Parent: anOrder(),
		Weights: []float64{1.5, 2.25, 1e-9, 3},
	}
	for i := range 5 {
		line := *anOrder()
		line.ID = fmt.Sprintf("line-%d", i)
		o.Lines = append(o.Lines, line)
	}
	return o
}

// An orderList is the large shape.
type orderList struct {
	Orders []flatOrder `json:"orders" xml:"orders"`
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

// benchShape measures the codec beside encoding/xml, which reads the same
// document and writes one of the same names; its tokens alone stand in a row of
// their own.
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
	row("xml", "encode", func() error { _, err := c.Append(buf[:0], v); return err })
	row("std", "encode", func() error { _, err := xml.Marshal(v); return err })
	row("xml", "decode", func() error { var out T; return c.Decode(body, &out) })
	row("std", "decode", func() error { var out T; return xml.Unmarshal(body, &out) })
	row("stdtokens", "decode", func() error { return rawTokens(body) })
	row("xml", "skip", func() error { var out struct{}; return c.Decode(body, &out) })
}

// rawTokens reads a document by the cheapest means of encoding/xml.
func rawTokens(body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	for {
		if _, err := d.RawToken(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
