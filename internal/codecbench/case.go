package codecbench

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/all"
	"github.com/polywire/polywire/conformance/codectest"
)

// A Case is a row made ready to be measured, whose codec has been seen to lose nothing.
// It is safe for concurrent use.
type Case struct {
	Row
	Sizes
	Items int // of codectest.Workload

	codec   codecs.Codec // of the tuned tier
	fresh   func() codecs.Codec
	body    []byte
	subject subject
}

// Sizes are those of one encoded value in bytes.
type Sizes struct {
	Logical int `json:"logical"` // as the JSON of the plain value: the same for all codecs
	Wire    int `json:"wire"`
	Gzip    int `json:"gzip"` // at the default level of each
	Zstd    int `json:"zstd"`
}

// A Refusal tells which rows there are not, and why.
type Refusal struct {
	Codec  string `json:"codec"`
	Shape  string `json:"shape"`
	Rows   string `json:"rows"`
	Reason string `json:"reason"`
}

// Prepare makes a case of each row that s takes, the codecs side by side. What a codec refuses to carry is no error. A value that is
// another after it was decoded is one, and so is a selection that names what is not known.
func Prepare(makers []all.Maker, s Selection) ([]*Case, []Refusal, error) {
	if err := s.check(known(makers)); err != nil {
		return nil, nil, err
	}
	subjects, err := subjects()
	if err != nil {
		return nil, nil, err
	}
	var cases []*Case
	var refused []Refusal
	for _, of := range subjects {
		var some []*Case // of one subject, so that codecs can be brought side by side
		for _, m := range makers {
			rows := s.rows(m.Name, of)
			if len(rows) == 0 {
				continue
			}
			first, err := carry(m, of)
			switch {
			case errors.Is(err, codecs.ErrUnsupported):
				refused = append(refused, Refusal{m.Name, of.shape, of.rows, err.Error()})
				continue
			case err != nil:
				return nil, nil, fmt.Errorf("codec %s, shape %s, %s: %w", m.Name, of.shape, of.rows, err)
			}
			for _, row := range rows {
				c := *first
				c.Row = row
				some = append(some, &c)
			}
		}
		slices.SortStableFunc(some, func(a, b *Case) int {
			return cmp.Or(strings.Compare(b.Tier, a.Tier), strings.Compare(b.Op, a.Op)) // tuned and encode come first
		})
		cases = append(cases, some...)
	}
	if len(cases) == 0 && len(refused) == 0 {
		return nil, nil, fmt.Errorf("%w: no codec is known", ErrSelection)
	}
	return cases, refused, nil
}

// known are the values that rows have, of each key.
func known(makers []all.Maker) map[string][]string {
	k := map[string][]string{"tier": {Tuned, Naive}, "rows": {Plain, Generated}, "op": {Encode, Decode}}
	for _, m := range makers {
		k["codec"] = append(k["codec"], m.Name)
	}
	for _, w := range codectest.Workloads() {
		k["shape"] = append(k["shape"], w.Name)
	}
	return k
}

// rows are those of one codec and subject that are wanted.
func (s Selection) rows(codec string, of subject) []Row {
	var rows []Row
	for _, tier := range []string{Tuned, Naive} {
		for _, op := range []string{Encode, Decode} {
			if r := (Row{codec, of.shape, tier, of.rows, op}); s.Takes(r) {
				rows = append(rows, r)
			}
		}
	}
	return rows
}

// carry makes a case without its row. It returns an error that wraps
// codecs.ErrUnsupported when the codec refuses the type, and another one when the value
// does not come back as it was.
func carry(m all.Maker, of subject) (*Case, error) {
	c := &Case{Items: of.items, subject: of, fresh: func() codecs.Codec { return m.New(codecs.Limits{}) }}
	c.codec = c.fresh()
	if checker, ok := c.codec.(codecs.TypeChecker); ok {
		if err := checker.CheckType(reflect.TypeOf(of.value)); err != nil {
			return nil, err
		}
	}
	var err error
	if c.body, err = c.codec.Append(nil, of.value); err != nil {
		return nil, notUnsupported(err)
	}
	got := of.zero()
	if err := c.codec.Decode(c.body, got); err != nil {
		return nil, notUnsupported(err)
	}
	if diff := of.diff(of.value, got); diff != "" {
		return nil, fmt.Errorf("the value is another after it was decoded (-want +got):\n%.2000s", diff)
	}
	c.Sizes = Sizes{Logical: of.logical, Wire: len(c.body)}
	c.Gzip, c.Zstd, err = packed(c.body)
	return c, err
}

// notUnsupported is err without what it wraps: a type that CheckType takes must be carried.
func notUnsupported(err error) error {
	return fmt.Errorf("the type was not refused, but the value is: %v", err)
}

// packed returns the sizes of body after gzip and zstd.
func packed(body []byte) (gzipped, zstandard int, err error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err = w.Write(body)
	if err = errors.Join(err, w.Close()); err != nil {
		return 0, 0, err
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return 0, 0, err
	}
	return out.Len(), len(z.EncodeAll(body, nil)), z.Close()
}

// Worker returns what does the row's work once. Each goroutine needs one of its own:
// a worker of the tuned tier keeps its buffer.
func (c *Case) Worker() func() error {
	switch {
	case c.Op == Encode && c.Tier == Tuned:
		dst := make([]byte, 0, len(c.body))
		return func() error {
			out, err := c.codec.Append(dst[:0], c.subject.value)
			return c.sized(len(out), err)
		}
	case c.Op == Encode:
		return func() error {
			out, err := c.fresh().Append(nil, c.subject.value)
			return c.sized(len(out), err)
		}
	case c.Tier == Tuned:
		return func() error { return c.codec.Decode(c.body, c.subject.zero()) }
	}
	return func() error { return c.fresh().Decode(c.body, c.subject.zero()) }
}

// sized holds each encoding to the size of the one that was proved.
func (c *Case) sized(n int, err error) error {
	if err == nil && n != len(c.body) {
		err = fmt.Errorf("got %d bytes, and %d when it was checked", n, len(c.body))
	}
	return err
}
