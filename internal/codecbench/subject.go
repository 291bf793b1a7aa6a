package codecbench

import (
	"bytes"
	"fmt"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/codecs/protocodec"
	"github.com/polywire/polywire/conformance/codectest"
	"github.com/polywire/polywire/internal/codecbench/benchpb"
)

// A subject is a value that codecs carry. Nobody writes to it.
type subject struct {
	shape   string
	rows    string
	items   int
	logical int // bytes of the plain value's JSON, whoever encodes it
	value   any
	zero    func() any
	diff    func(want, got any) string // "" when they are equal
}

// subjects returns each workload as a plain struct and as the generated message of the same bytes.
func subjects() ([]subject, error) {
	var all []subject
	text, wire := jsoncodec.New(), protocodec.New()
	for _, w := range codectest.Workloads() {
		value := w.New()
		body, err := text.Append(nil, value)
		if err != nil {
			return nil, fmt.Errorf("codecbench: shape %s: %w", w.Name, err)
		}
		plain := subject{
			shape: w.Name, rows: Plain, items: w.Items, logical: len(body), value: value, zero: w.Zero,
			diff: differs,
		}
		twin := plain
		twin.rows, twin.zero = Generated, func() any { return message(w.Name) }
		twin.diff = differsAsMessage
		m := message(w.Name)
		if m == nil {
			return nil, fmt.Errorf("codecbench: shape %s has no message in bench.proto", w.Name)
		}
		if body, err = wire.Append(nil, value); err == nil {
			err = wire.Decode(body, m)
		}
		if err != nil {
			return nil, fmt.Errorf("codecbench: shape %s as a message: %w", w.Name, err)
		}
		twin.value = m
		all = append(all, plain, twin)
	}
	return all, nil
}

// differs tells how a plain value differs; bytes are compared at once, which takes cmp long.
func differs(want, got any) string {
	fast := cmp.Comparer(bytes.Equal)
	if cmp.Equal(want, got, fast) {
		return ""
	}
	return cmp.Diff(want, got, fast)
}

// differsAsMessage does the same for messages.
func differsAsMessage(want, got any) string {
	if proto.Equal(want.(proto.Message), got.(proto.Message)) {
		return ""
	}
	return cmp.Diff(want, got, protocmp.Transform())
}

// message returns an empty message of a shape.
func message(shape string) proto.Message {
	switch shape {
	case "order":
		return new(benchpb.Order)
	case "document":
		return new(benchpb.Document)
	case "list":
		return new(benchpb.List)
	case "series":
		return new(benchpb.Series)
	case "text":
		return new(benchpb.Text)
	case "blob":
		return new(benchpb.Blob)
	case "map":
		return new(benchpb.Map)
	case "sparse":
		return new(benchpb.Sparse)
	}
	return nil
}
