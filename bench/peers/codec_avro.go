package main

import (
	"fmt"

	"github.com/hamba/avro/v2"
	"github.com/linkedin/goavro/v2"
	twmb "github.com/twmb/avro"

	"github.com/polywire/polywire/bench/peers/rawtypes"
)

// orderSchema and documentSchema are what a user of these libraries writes by hand.
const (
	orderSchema = `{"type": "record", "name": "Order", "fields": [
		{"name": "id", "type": "string"}, {"name": "customer", "type": "string"}, {"name": "status", "type": "string"},
		{"name": "quantity", "type": "int"}, {"name": "price", "type": "double"}, {"name": "total", "type": "long"},
		{"name": "paid", "type": "boolean"}, {"name": "created", "type": "long"}, {"name": "note", "type": "string"}]}`
	documentSchema = `{"type": "record", "name": "Document", "fields": [
		{"name": "head", "type": ` + orderSchema + `}, {"name": "lines", "type": {"type": "array", "items": "Order"}},
		{"name": "labels", "type": {"type": "map", "values": "string"}},
		{"name": "at", "type": {"type": "record", "name": "Instant", "fields": [{"name": "seconds", "type": "long"}, {"name": "nanos", "type": "int"}]}},
		{"name": "seal", "type": "bytes"}, {"name": "parent", "type": ["null", "Order"]}, {"name": "weights", "type": {"type": "array", "items": "double"}}]}`
	listSchema = `{"type": "record", "name": "List", "fields": [{"name": "orders", "type": {"type": "array", "items": ` + orderSchema + `}}]}`
)

func avroSchema(shape string) string {
	switch shape {
	case "order":
		return orderSchema
	case "document":
		return documentSchema
	}
	return listSchema
}

func avroPeers() []codecPeer {
	return []codecPeer{
		library[rawtypes.AvroDocument](hambaName, "the engine of ours: one Writer and Reader, schema parsed once; no framing, no check of its input", openHamba),
		library[rawtypes.AvroDocument]("twmb", "AppendEncode to a buffer used again, Decode; no framing", openTwmb),
		{"goavro", "maps of Go instead of structs, as it has them; no framing", openGoavro},
	}
}

func openHamba(shape string) (functions, error) {
	schema, err := avro.ParseBytesWithCache([]byte(avroSchema(shape)), "", new(avro.SchemaCache))
	if err != nil {
		return functions{}, err
	}
	api := avro.Config{}.Freeze()
	w, r := avro.NewWriter(nil, 1<<10, avro.WithWriterConfig(api)), avro.NewReader(nil, 0, avro.WithReaderConfig(api))
	return functions{
		func(v any) ([]byte, error) {
			w.Reset(nil)
			w.WriteVal(schema, v)
			return w.Buffer(), w.Error
		},
		func(body []byte, v any) error {
			r.Error = nil
			r.Reset(body)
			r.ReadVal(schema, v)
			return r.Error
		},
	}, nil
}

func openTwmb(shape string) (functions, error) {
	schema, err := twmb.Parse(avroSchema(shape))
	var buf []byte
	return functions{
		func(v any) ([]byte, error) {
			out, err := schema.AppendEncode(buf[:0], v)
			buf = out
			return out, err
		},
		func(body []byte, v any) error {
			rest, err := schema.Decode(body, v)
			if err == nil && len(rest) > 0 {
				err = fmt.Errorf("%d bytes are left", len(rest))
			}
			return err
		},
	}, err
}

// openGoavro gives it the value in its own form, which it is asked for once.
func openGoavro(shape string) (coder, error) {
	codec, err := goavro.NewCodec(avroSchema(shape))
	if err != nil {
		return coder{}, err
	}
	first, err := library[rawtypes.AvroDocument]("", "", openTwmb).open(shape)
	if err != nil {
		return coder{}, err
	}
	body, err := first.encode()
	if err != nil {
		return coder{}, err
	}
	native, _, err := codec.NativeFromBinary(body)
	var buf []byte
	return coder{
		encode: func() ([]byte, error) {
			out, err := codec.BinaryFromNative(buf[:0], native)
			buf = out
			return out, err
		},
		decode: func(body []byte) (any, error) {
			out, _, err := codec.NativeFromBinary(body)
			return out, err
		},
		want: native,
	}, err
}
