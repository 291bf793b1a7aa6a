package ocf_test

import (
	"bytes"
	"errors"
	"io"
	"runtime/metrics"
	"testing"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/avrocodec"
	"github.com/polywire/polywire/codecs/avrocodec/ocf"
)

// A row is small, as is its schema: that is parsed for each input.
type row struct {
	ID string   `wire:"id"`
	N  []*int32 `wire:"n"`
}

func rows() []row {
	a, b := int32(7), int32(-1)
	return []row{{}, {ID: "é"}, {"a", []*int32{&a, &b, &a}}}
}

// FuzzReader reads any file.
func FuzzReader(f *testing.F) {
	for _, compression := range compressions() {
		f.Add(write(f, avrocodec.New(), rows(), ocf.WithCompression(compression), ocf.WithBlockSize(5)))
	}
	f.Add([]byte(of(`{"type":"record","name":"o","fields":[{"name":"id","type":"bytes"},{"name":"x","type":{"type":"array","items":"null"}}]}`, "null") + block(1, "\x02a\x02\x00")))
	f.Add([]byte(of(`"null"`, "null") + block(3, "")))
	c := avrocodec.New()
	f.Fuzz(func(t *testing.T, file []byte) { comesBack(t, c, file) })
}

// FuzzBlocks reads any blocks of any compression, by one of two schemas.
func FuzzBlocks(f *testing.F) {
	c := avrocodec.New()
	schema, err := c.SchemaOf(row{})
	if err != nil {
		f.Fatal(err)
	}
	schemas := []string{schema.Canonical(), `{"type":"record","name":"o","fields":[{"name":"n","type":{"type":"array","items":["null","int"]}},{"name":"o","type":["null","o"]}]}`}
	for i, compression := range compressions() {
		file := write(f, c, rows(), ocf.WithCompression(compression))
		at := bytes.LastIndex(file[:len(file)-16], file[len(file)-16:]) + 16
		f.Add(uint8(i), append(file[at:len(file)-16:len(file)-16], sync...))
	}
	f.Add(uint8(4), []byte(block(1, "\x04\x02\x0e\x02\x01\x00\x02\x00\x00")+block(0, "")))
	f.Fuzz(func(t *testing.T, which uint8, blocks []byte) {
		compression := compressions()[which%4]
		comesBack(t, c, append([]byte(of(schemas[which/4%2], string(compression))), blocks...))
	})
}

// comesBack reads a file: that is an error as errors should be, or values that come back
// from a file of our own, at a bounded cost.
func comesBack(t *testing.T, c *avrocodec.Codec, file []byte) {
	t.Helper()
	values := readWithin(t, c, file)
	again := write(t, c, values, ocf.WithCompression(ocf.Snappy))
	back, err := read[row](bytes.NewReader(again), c)
	if err != nil || len(back) != len(values) {
		t.Fatalf("%q: %d values come back as %d, %v", file, len(values), len(back), err)
	}
	for i := range values {
		want, _ := c.Append(nil, &values[i])
		if got, err := c.Append(nil, &back[i]); err != nil || !bytes.Equal(want, got) {
			t.Fatalf("%q: value %d comes back as %x, %v; want %x", file, i, got, err, want)
		}
	}
}

// readWithin reads a file, and holds errors to their form and each step to its cost.
func readWithin(t *testing.T, c *avrocodec.Codec, file []byte) (values []row) {
	t.Helper()
	const (
		limit  = 16 << 10
		engine = 2 << 20                  // of a compression, and of the plan of the type
		header = 1 << 10                  // for each byte of a schema
		value  = 512 * (1<<14 + limit)    // what the elements of a value may cost
		most   = engine + value + 4*limit // a block, and its first value
		enough = 10_000                   // values without bytes could go on for long
	)
	var r *ocf.Reader
	var err error
	if n := heaped(func() { r, err = ocf.NewReader(bytes.NewReader(file), c, ocf.WithMaxBlock(limit)) }); n > uint64(engine+header*len(file)) {
		t.Fatalf("%q: the header: got %d bytes allocated (%v)", file, n, err)
	}
	for err == nil && len(values) < enough {
		var v row
		if n := heaped(func() { err = r.Read(&v) }); n > most {
			t.Fatalf("%q: value %d: got %d bytes allocated (%v), want at most %d", file, len(values), n, err, most)
		}
		if err == nil {
			values = append(values, v)
		}
	}
	var e *codecs.Error
	if err != nil && !errors.Is(err, io.EOF) && (!errors.As(err, &e) || len(err.Error()) > 256) {
		t.Fatalf("%q: got the error %v", file, err)
	}
	return values
}

// heaped is allocated, to the nearest kilobytes, without stopping the world for it.
func heaped(f func()) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	f()
	metrics.Read(sample)
	return sample[0].Value.Uint64() - before
}
