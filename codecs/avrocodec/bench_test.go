package avrocodec

import (
	"reflect"
	"strings"
	"testing"

	"github.com/hamba/avro/v2"
	"github.com/polywire/polywire/conformance/codectest"
)

func BenchmarkCodec(b *testing.B) {
	for _, w := range codectest.Workloads() {
		benchWorkload(b, w)
	}
}

// benchWorkload measures a workload beside the engine at its best: its Writer and
// its Reader kept, the schema parsed once. Only the value is compared: the ten bytes
// of the single object before it are ours alone. The engine does not sort maps, check
// UTF-8, or carry nanoseconds.
func benchWorkload(b *testing.B, w codectest.Workload) {
	c, v := New(), w.New()
	body, err := c.Append(nil, v)
	if err != nil {
		b.Fatal(err)
	}
	row := func(codec, op string, f func() error) {
		b.Run("codec="+codec+"/shape="+w.Name+"/op="+op, func(b *testing.B) {
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
	row("avro", "encode", func() error { _, err := c.Append(buf[:0], v); return err })
	row("avro", "decode", func() error { return c.Decode(body, w.Zero()) })
	e, err := newEngine(c, v)
	if err != nil {
		b.Fatal(err)
	}
	if e.encode(v) != nil {
		return
	}
	theirs := append([]byte(nil), e.writer.Buffer()...)
	row("engine", "encode", func() error { return e.encode(v) })
	row("engine", "decode", func() error { return e.decode(theirs, w.Zero()) })
}

type engine struct {
	schema avro.Schema
	writer *avro.Writer
	reader *avro.Reader
}

func newEngine(c *Codec, v any) (*engine, error) {
	s, err := c.Schema(reflect.TypeOf(v))
	if err != nil {
		return nil, err
	}
	text := strings.ReplaceAll(s.String(), // a time as the engine has it, in microseconds
		`{"type":"record","name":"polywire.time","fields":[{"name":"seconds","type":"long"},{"name":"nanos","type":"int"}]}`,
		`{"type":"long","logicalType":"timestamp-micros"}`)
	schema, err := avro.ParseBytesWithCache([]byte(text), "", &avro.SchemaCache{})
	api := avro.Config{TagKey: "wire"}.Freeze()
	return &engine{schema, avro.NewWriter(nil, 1<<10, avro.WithWriterConfig(api)), avro.NewReader(nil, 0, avro.WithReaderConfig(api))}, err
}

func (e *engine) encode(v any) error {
	e.writer.Error = nil
	e.writer.Reset(nil)
	e.writer.WriteVal(e.schema, v)
	return e.writer.Error
}

func (e *engine) decode(src []byte, v any) error {
	e.reader.Error = nil
	e.reader.Reset(src)
	e.reader.ReadVal(e.schema, v)
	return e.reader.Error
}
