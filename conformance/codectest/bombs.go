package codectest

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/polywire/polywire/codecs"
)

// A Bomb is input that is cheap to send and means to be dear to read.
type Bomb struct {
	Name string
	Into any           // a value of the type to decode into, not a pointer to it
	Data func() []byte // the same at each call

	// Filled says that the input is a run of small items that a list or map may
	// hold: the limit of elements bounds what they cost. Other bombs may cost no
	// more than 16 bytes for each of theirs, and 64 KiB.
	Filled bool
}

// Bombs returns hostile input of the format of c, by its name: at least a hundred
// for each of json, xml, avro, protobuf and msgpack, and none for other names.
// What frames a value in the format is learnt from what c writes.
func Bombs(c codecs.Codec) []Bomb {
	var all []Bomb
	switch c.Name() {
	case "json":
		all = jsonBombs()
	case "xml":
		all = xmlBombs(c)
	case "avro":
		all = avroBombs(c)
	case "protobuf":
		all = protobufBombs()
	case "msgpack":
		all = msgpackBombs()
	}
	slices.SortFunc(all, func(a, b Bomb) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// budget is what decoding the bomb of n bytes may allocate.
func (b *Bomb) budget(n int) uint64 {
	const perByte, perElement, own = 16, 512, 64 << 10
	most := uint64(perByte*n + own)
	if b.Filled {
		most += uint64(perElement * (codecs.Limits{}).ForInput(n).MaxElements)
	}
	return most
}

// An Explosion is what became of a [Bomb].
type Explosion struct {
	Bomb      string
	Bytes     int    // of the input
	Says      string // the error, or "read"
	Allocated uint64 // in all, garbage included
	Budget    uint64 // that it keeps to, unless it fails
	Took      time.Duration
}

// Explode decodes a bomb by c. The first decode of a type is not counted: what a
// codec keeps of a type is no cost of the input.
func (b *Bomb) Explode(c codecs.Codec) Explosion {
	data := b.Data()
	_ = c.Decode(nil, fresh(b.Into))
	var err error
	target := fresh(b.Into)
	start := time.Now()
	got := allocatedAtMost(b.budget(len(data)), func() { err = c.Decode(data, target) })
	says := "read"
	if err != nil {
		says = err.Error()
	}
	return Explosion{b.Name, len(data), says, got, b.budget(len(data)), time.Since(start)}
}

// survivesBombs is the rule of C076, for bombs of most bytes at most.
func survivesBombs(most int) func(e *Env) {
	return func(e *Env) {
		bombs := e.h.Bombs
		if bombs == nil {
			bombs = Bombs(e.Codec)
		}
		seen := map[string]bool{}
		for _, b := range bombs {
			if seen[b.Name] {
				e.Errorf("two bombs are called %q", b.Name)
			}
			seen[b.Name] = true
			if data := b.Data(); len(data) <= most {
				e.Part(b.Name, func() { e.explode(&b, data) })
			}
		}
	}
}

func (e *Env) explode(b *Bomb, data []byte) {
	x := b.Explode(e.Codec)
	if x.Allocated > x.Budget {
		e.Errorf("%d bytes of input: got %d bytes allocated, want at most %d (%s)", x.Bytes, x.Allocated, x.Budget, x.Says)
	}
	if x.Says != "read" && len(data) <= middle {
		e.Refused(e.Codec, data, b.Into, "a bomb")
	}
}

// Sizes of bombs: one small, one middling, and one just below the limit of bytes.
const (
	small  = 1 << 10
	middle = 64 << 10
	large  = 3 << 20
)

// A list collects bombs.
type bombList []Bomb

// A run is a body again and again between two ends.
type run struct{ head, body, tail string }

// add adds a bomb of r, whose body fills size bytes.
func (l *bombList) add(name string, into any, r run, size int) {
	*l = append(*l, Bomb{Name: fmt.Sprintf("%s, %s, into %s", name, sizeOf(size), typeName(into)), Into: into, Data: func() []byte {
		return []byte(r.head + strings.Repeat(r.body, max(1, size/len(r.body))) + r.tail)
	}})
}

// items are n items behind a head that may tell how many they are.
type items struct {
	head       func(n int) string
	item, tail string
}

// fill adds a bomb of small items, which may cost what elements cost.
func (l *bombList) fill(name string, into any, i items, size int) {
	n := max(1, size/len(i.item))
	*l = append(*l, Bomb{Name: fmt.Sprintf("%s, %s, into %s", name, sizeOf(size), typeName(into)), Into: into, Filled: true, Data: func() []byte {
		return []byte(i.head(n) + strings.Repeat(i.item, n) + i.tail)
	}})
}

// one adds a bomb as it stands.
func (l *bombList) one(name string, into any, data string) {
	*l = append(*l, Bomb{Name: fmt.Sprintf("%s, into %s", name, typeName(into)), Into: into, Data: func() []byte { return []byte(data) }})
}

func sizeOf(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

func typeName(v any) string {
	name := reflect.TypeOf(v).String()
	name = strings.ReplaceAll(name, "github.com/polywire/polywire/conformance/", "")
	return cmp.Or(strings.ReplaceAll(name, "codectest.", ""), "nil")
}

// The types that bombs are read into, large for what they take on the wire.
type (
	heavy struct {
		A [8]int64 `wire:"a,1"`
	}
	heavier struct {
		A [128]int64 `wire:"a,1,optional"`
	}
	sparseItem struct {
		P *heavier `wire:"p,1"`
	}
)
