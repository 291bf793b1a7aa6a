package codectest

import (
	"fmt"
	"strings"
	"time"
)

// A Workload is one of the shapes of data that codecs are compared by: a plain Go
// struct with wire tags that every format takes, and a value that is the same in
// every run on every machine.
type Workload struct {
	Name  string // one lower-case word, as benchmarks have it: "order"
	What  string // what it is made of, for people
	Items int    // records, readings or entries in one value; 1 where it is one thing

	// New returns a pointer to a fresh value that the caller owns. All values of a
	// workload are equal.
	New func() any

	// Zero returns a pointer to a zero value of the same type, to decode into.
	Zero func() any
}

// Workloads returns the eight workloads in the order of reports. The list is the
// caller's own.
func Workloads() []Workload {
	return []Workload{
		workload("order", "a flat struct of nine fields", 1, func(r *random) *flatOrder { o := r.order(); return &o }),
		workload("document", "a nested struct with a list, a map, bytes, a time and an optional part", 1, (*random).document),
		workload("list", "500 flat structs", 500, (*random).list),
		workload("series", "1,000 measurements as numbers in lists", 1000, (*random).series),
		workload("text", "16 KiB of text in several scripts, with what formats must escape", 1, (*random).text),
		workload("blob", "64 KiB of bytes that do not compress", 1, (*random).blob),
		workload("map", "two maps of 256 entries", 512, (*random).wideMap),
		workload("sparse", "33 fields, of which 7 are there", 1, (*random).sparse),
	}
}

func workload[T any](name, what string, items int, fill func(*random) *T) Workload {
	return Workload{
		Name: name, What: what, Items: items,
		New:  func() any { return fill(newRandom(name)) },
		Zero: func() any { return new(T) },
	}
}

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

func (r *random) order() flatOrder {
	cents := int64(r.below(10_000))
	o := flatOrder{
		ID: fmt.Sprintf("ord-%06x", r.below(1<<24)), Customer: fmt.Sprintf("cus-%05d", r.below(100_000)),
		Status: r.pick("new", "paid", "shipped", "delivered"), Quantity: int32(1 + r.below(9)), Price: float64(cents) / 100,
		Paid: r.below(4) > 0, Created: 1_700_000_000_000 + int64(r.below(1_000_000_000)), Note: r.sentence(4),
	}
	o.Total = int64(o.Quantity) * cents
	return o
}

type document struct {
	Head    flatOrder         `wire:"head,1"`
	Lines   []flatOrder       `wire:"lines,2"`
	Labels  map[string]string `wire:"labels,3"`
	At      time.Time         `wire:"at,4"`
	Seal    []byte            `wire:"seal,5"`
	Parent  *flatOrder        `wire:"parent,6"`
	Weights []float64         `wire:"weights,7"`
}

func (r *random) document() *document {
	parent := r.order()
	d := &document{
		Head: r.order(), Lines: make([]flatOrder, 5), Labels: map[string]string{"region": "eu-west", "tier": "gold", "channel": "web"},
		At: time.Unix(1_700_000_000, 123_456_789).UTC(), Seal: r.bytes(16), Parent: &parent, Weights: []float64{1.5, 2.25, 1e-9, 3},
	}
	for i := range d.Lines {
		d.Lines[i] = r.order()
	}
	return d
}

type orderList struct {
	Orders []flatOrder `wire:"orders,1"`
}

func (r *random) list() *orderList {
	l := &orderList{Orders: make([]flatOrder, 500)}
	for i := range l.Orders {
		l.Orders[i] = r.order()
	}
	return l
}

type series struct {
	Sensor string    `wire:"sensor,1"`
	Start  int64     `wire:"start,2"`
	Steps  []int32   `wire:"steps,3"`
	Values []float64 `wire:"values,4"`
}

// series has readings with all the digits that a float64 has, and milliseconds between them.
func (r *random) series() *series {
	const n = 1000
	s := &series{Sensor: "boiler-7/temperature", Start: 1_700_000_000_000, Steps: make([]int32, n), Values: make([]float64, n)}
	for i := range n {
		s.Steps[i] = int32(950 + r.below(100))
		s.Values[i] = float64(r.next()>>11) / (1 << 53) * 64 // a power of two: no rounding that an architecture could fuse
	}
	return s
}

type article struct {
	Title string `wire:"title,1"`
	Body  string `wire:"body,2"`
}

func (r *random) text() *article {
	var b strings.Builder
	for b.Len() < 16<<10 {
		b.WriteString(r.sentence(12))
		b.WriteString(r.pick(".\n", " & so on;\n\n", " <em>so</em>, \"he said\".\n", " — größer, 東京, 🚕\n", "\tC:\\taxi\\log\r\n", " it's 3 > 2.\n"))
	}
	return &article{Title: "A \"long\" text <of> many & various signs", Body: b.String()}
}

type blob struct {
	Name string `wire:"name,1"`
	Data []byte `wire:"data,2"`
}

func (r *random) blob() *blob { return &blob{Name: "photo.raw", Data: r.bytes(64 << 10)} }

type wideMap struct {
	Labels map[string]string `wire:"labels,1"`
	Counts map[string]int64  `wire:"counts,2"`
}

func (r *random) wideMap() *wideMap {
	const n = 256
	m := &wideMap{Labels: make(map[string]string, n), Counts: make(map[string]int64, n)}
	for i := range n {
		m.Labels[fmt.Sprintf("label-%03d-%s", i, r.word())] = r.sentence(2)
		m.Counts[fmt.Sprintf("count.%s.%03d", r.word(), i)] = int64(r.below(1 << (1 + r.below(40))))
	}
	return m
}
