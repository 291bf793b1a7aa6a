package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polywire/polywire/bench/peers/rawtypes"
	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/all"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/codecs/protocodec"
	"github.com/polywire/polywire/conformance/codectest"
)

// A coder is a library that carries one value. Its buffers and schemas are kept from
// call to call, as its users are told to; what it decodes into is new each time.
type coder struct {
	encode func() ([]byte, error)
	decode func(body []byte) (any, error) // a pointer to a new value
	want   any                            // what decode must return
	diff   func(want, got any) string     // cmp.Diff if nil
}

// A codecRig does one operation of a coder.
type codecRig struct {
	coder
	decoding bool
	body     []byte
}

// prove holds that what was encoded comes back.
func (r *codecRig) prove(context.Context) error {
	body, err := r.encode()
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	r.body = slices.Clone(body)
	for range 2 { // what is kept from call to call is used again
		got, err := r.decode(r.body)
		if err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		diff := r.diff
		if diff == nil {
			diff = func(want, got any) string { return cmp.Diff(want, got) }
		}
		if d := diff(r.want, got); d != "" {
			return fmt.Errorf("the value is another after it was decoded (-want +got):\n%.1000s", d)
		}
	}
	return nil
}

func (r *codecRig) run(ctx context.Context, n int) error {
	if r.body == nil {
		if err := r.prove(ctx); err != nil {
			return err
		}
	}
	for range n {
		if r.decoding {
			if _, err := r.decode(r.body); err != nil {
				return err
			}
			continue
		}
		body, err := r.encode()
		if err != nil || len(body) != len(r.body) {
			return fmt.Errorf("encode: got %d bytes, %w, want %d", len(body), err, len(r.body))
		}
	}
	return ctx.Err()
}

func (r *codecRig) close() error { return nil }

// A format is one codec of ours beside other libraries of the same format.
type format struct {
	name  string
	peers []codecPeer // in all shapes
	goals func(op string) []goal
}

// A codecPeer makes a library's coder for a shape.
type codecPeer struct {
	name, kind string
	open       func(shape string) (coder, error)
}

// codecLines compare each codec with libraries of its format, in three shapes.
func codecLines() []line {
	var out []line
	for _, f := range codecFormats() {
		ours := slices.IndexFunc(all.Makers(), func(m all.Maker) bool { return m.Name == f.name })
		if ours < 0 {
			continue
		}
		peers := append([]codecPeer{{oursName, ourCodecKind, ourCodec(all.Makers()[ours])}}, f.peers...)
		for _, shape := range []string{"order", "document", "list"} {
			for _, op := range []string{"encode", "decode"} {
				out = append(out, codecLine(f, shape, op, peers))
			}
		}
	}
	return out
}

func codecLine(f format, shape, op string, peers []codecPeer) line {
	l := line{
		name: "Codec", params: []param{{"format", f.name}, {"shape", shape}, {"op", op}}, each: 1,
		title: fmt.Sprintf("%s %s as %s", op, shapeTitle(shape), f.name), goals: f.goals(op),
	}
	if shape == "list" {
		l.each, l.title = 500, l.title+", told for one of them"
	}
	for _, p := range peers {
		l.entries = append(l.entries, entry{name: p.name, kind: p.kind, open: func(context.Context) (rig, error) {
			c, err := p.open(shape)
			return &codecRig{coder: c, decoding: op == "decode"}, err
		}})
	}
	return l
}

func shapeTitle(shape string) string {
	for _, w := range codectest.Workloads() {
		if w.Name == shape {
			return w.What
		}
	}
	return shape
}

const ourCodecKind = "plain struct; one codec, buffer used again; checks of the profile and limits"

// ourCodec is one of ours through the public interface.
func ourCodec(m all.Maker) func(shape string) (coder, error) {
	return func(shape string) (coder, error) {
		w, err := workload(shape)
		if err != nil {
			return coder{}, err
		}
		codec, value, buf := m.New(codecs.Limits{}), w.New(), []byte(nil)
		return coder{
			encode: func() ([]byte, error) {
				out, err := codec.Append(buf[:0], value)
				buf = out
				return out, err
			},
			decode: func(body []byte) (any, error) {
				out := w.Zero()
				return out, codec.Decode(body, out)
			},
			want: value,
		}, nil
	}
}

func workload(shape string) (codectest.Workload, error) {
	all := codectest.Workloads()
	i := slices.IndexFunc(all, func(w codectest.Workload) bool { return w.Name == shape })
	if i < 0 {
		return codectest.Workload{}, fmt.Errorf("no workload %q", shape)
	}
	return all[i], nil
}

// fill brings the value of a workload into a type that has its names in JSON.
func fill[T any](shape string) (*T, error) {
	w, err := workload(shape)
	if err != nil {
		return nil, err
	}
	text, err := jsoncodec.New().Append(nil, w.New())
	if err != nil {
		return nil, err
	}
	out := new(T)
	if err := json.Unmarshal(text, out); err != nil {
		return nil, err
	}
	if d, ok := any(out).(*rawtypes.AvroDocument); ok {
		d.At = rawtypes.Instant{Seconds: d.Time.Unix(), Nanos: int32(d.Time.Nanosecond())}
		d.Time = time.Time{}
	}
	return out, nil
}

// wire is the value of a workload in Protobuf.
func wire(shape string) ([]byte, error) {
	w, err := workload(shape)
	if err != nil {
		return nil, err
	}
	return protocodec.New().Append(nil, w.New())
}

// functions are a library's two for any type, with what they keep from call to call.
type functions struct {
	encode func(v any) ([]byte, error)
	decode func(body []byte, v any) error
}

// library is a codecPeer of functions that take any type; D is the document as the
// library wants it. They are made anew for each line.
func library[D any](name, kind string, open func(shape string) (functions, error)) codecPeer {
	return codecPeer{name, kind, func(shape string) (coder, error) {
		f, err := open(shape)
		if err != nil {
			return coder{}, err
		}
		switch shape {
		case "order":
			return coderOf[rawtypes.Order](shape, f)
		case "list":
			return coderOf[rawtypes.List](shape, f)
		}
		return coderOf[D](shape, f)
	}}
}

func coderOf[T any](shape string, f functions) (coder, error) {
	value, err := fill[T](shape)
	return coder{
		encode: func() ([]byte, error) { return f.encode(value) },
		decode: func(body []byte) (any, error) {
			out := new(T)
			return out, f.decode(body, out)
		},
		want: value,
	}, err
}
