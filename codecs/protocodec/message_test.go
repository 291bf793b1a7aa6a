package protocodec

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/testpb"
	"github.com/polywire/polywire/internal/testpb/opaquepb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"pgregory.net/rapid"
)

func itoa(n int) string { return strconv.Itoa(n) }

func aTree() *testpb.Tree {
	return &testpb.Tree{
		Value: proto.Int32(0), Kids: []*testpb.Tree{{}, {Value: proto.Int32(-1)}}, By: map[string]*testpb.Tree{"a": {}, "": {Packed: []int32{1, -1}}},
		Group: &testpb.Tree{Kids: []*testpb.Tree{{}}}, Choice: &testpb.Tree_Tree{Tree: &testpb.Tree{Choice: &testpb.Tree_Text{Text: "x"}}},
	}
}

// messages are generated messages of every API, with what is special in them.
func messages(t testing.TB) []proto.Message {
	extended := aTree()
	proto.SetExtension(extended, testpb.E_More, []*testpb.Tree{aTree(), {}})
	opaque := opaquepb.Nested_builder{
		Head: opaquepb.Order_builder{Id: "7", Price: math.Inf(1)}.Build(), Labels: map[string]string{"b": "2", "a": "1"},
		At: timestamppb.New(time.Unix(1, 2)), Blob: []byte{0}, Weights: []float64{0, math.Copysign(0, -1)},
	}.Build()
	union := opaquepb.Tree_builder{Text: proto.String(""), Value: proto.Int32(0)}.Build()
	wrapped, err := anypb.New(aTree())
	if err != nil {
		t.Fatal(err)
	}
	list, err := structpb.NewList([]any{1.5, "a", nil, map[string]any{"b": true, "a": []any{}}})
	if err != nil {
		t.Fatal(err)
	}
	return []proto.Message{
		&testpb.Order{}, aTree(), extended, opaque, union, wrapped, list, timestamppb.New(time.Unix(-1, 5)), durationpb.New(-time.Second),
		wrapperspb.String("é"), &testpb.Required{Id: proto.Int32(7)},
	}
}

func TestGeneratedMessages(t *testing.T) {
	c := New()
	for _, m := range messages(t) {
		if err := errors.Join(c.CheckType(reflect.TypeOf(m)), c.CheckType(reflect.TypeOf(m).Elem())); err != nil {
			t.Error(err)
		}
		body, err := c.Append([]byte("head"), m)
		if err != nil || !bytes.HasPrefix(body, []byte("head")) {
			t.Fatalf("%T: got %q, %v", m, body, err)
		}
		body = body[len("head"):]
		for range 20 {
			if again := mustAppend(t, c, m); !bytes.Equal(body, again) {
				t.Fatalf("%T is encoded as %x, then as %x", m, body, again)
			}
		}
		got := m.ProtoReflect().New().Interface()
		if err := c.Decode(body, got); err != nil {
			t.Fatalf("%T: %v", m, err)
		}
		if diff := cmp.Diff(m, got, protocmp.Transform()); diff != "" {
			t.Errorf("%T: %s", m, diff)
		}
		src := bytes.Clone(body)
		if err := c.Decode(src, got); err != nil {
			t.Fatal(err)
		}
		for i := range src {
			src[i] = 0xDD
		}
		if diff := cmp.Diff(m, got, protocmp.Transform()); diff != "" {
			t.Errorf("%T aliases its input: %s", m, diff)
		}
	}
}

func TestMessagesKeepWhatTheyDoNotKnow(t *testing.T) {
	c := New()
	body := wire("0a 01 61 a006 07 a306 08 01 a406")
	m := new(testpb.Order)
	if err := c.Decode(body, m); err != nil || m.GetId() != "a" || !bytes.Equal(mustAppend(t, c, m), body) {
		t.Errorf("got %v, %v", m, err)
	}
	if err := c.Decode(wire("0a 01 61 0a 01 62"), m); err != nil || m.GetId() != "b" {
		t.Errorf("got %v, %v, want the last of two values", m, err)
	}
}

func TestMalformedMessages(t *testing.T) {
	c := New()
	for _, m := range messages(t) {
		body := mustAppend(t, c, m)
		check := func(body []byte) {
			got := m.ProtoReflect().New().Interface()
			err := c.Decode(body, got)
			var e *codecs.Error
			switch {
			case err == nil && !wellFormed(body):
				t.Fatalf("%T: %x is read", m, body)
			case err == nil:
				return
			case !errors.As(err, &e) || len(err.Error()) > 256 || e.Offset < 0 || e.Offset > int64(len(body)):
				t.Fatalf("%T %x: error %#v", m, body, err)
			case proto.Size(got) != 0:
				t.Fatalf("%T %x: after %v there is %v", m, body, err, got)
			}
		}
		for i := range body {
			check(body[:i])
			for bit := range 8 {
				flipped := bytes.Clone(body)
				flipped[i] ^= 1 << bit
				check(flipped)
			}
		}
		for _, tail := range []string{"\x00", "{", "}", "\xff", "\x0a", "\x07"} {
			if err := c.Decode(append(bytes.Clone(body), tail...), m.ProtoReflect().New().Interface()); err == nil {
				t.Errorf("%T: a trailing %q is read", m, tail)
			}
		}
	}
}

func TestMessagesRefuse(t *testing.T) {
	c := New()
	for _, tc := range []struct {
		rule string
		err  error
		want string
	}{
		{"a nil message", errOf(c.Append(nil, (*testpb.Order)(nil))), "protobuf: encode: the message is nil"},
		{"a nil target", c.Decode(nil, (*testpb.Order)(nil)), "protobuf: decode at byte 0: the message is nil"},
		{"invalid UTF-8", errOf(c.Append(nil, &testpb.Order{Id: "s3cret\xff"})), "protobuf: encode: the message has invalid UTF-8 or misses a required field"},
		{"a missing field", errOf(c.Append(nil, &testpb.Required{})), "protobuf: encode: the message has invalid UTF-8 or misses a required field"},
		{"invalid UTF-8 read", c.Decode(wire("0a 01 ff"), new(testpb.Order)), "protobuf: decode at byte 3: invalid UTF-8 or a missing field in polywire.protocodec.test.Order"},
		{"a missing field read", c.Decode(nil, new(testpb.Required)), "protobuf: decode at byte 0: invalid UTF-8 or a missing field in polywire.protocodec.test.Required"},
		{"a truncated field", c.Decode(wire("0a 05 61"), new(testpb.Order)), "protobuf: decode at byte 2: unexpected EOF"},
		{"field number 0", c.Decode(wire("20 01 00"), new(testpb.Order)), "protobuf: decode at byte 3: a field number outside 1 to 536870911"},
	} {
		if tc.err == nil || tc.err.Error() != tc.want {
			t.Errorf("%s:\ngot  %v\nwant %s", tc.rule, tc.err, tc.want)
		}
	}
}

// The engine reads numbers up to 2^31-1 in groups that nobody knows, and a long message is scanned
// before it sees it.
func TestAMessageIsReadAlikeWithAndWithoutAScan(t *testing.T) {
	for _, tc := range []struct {
		rule, group string
		read        bool
	}{
		{"2^29 in a group", "43 8080808010 00 44", true},
		{"2^31-1 in a group", "43 f8ffffff3f 00 44", true},
		{"2^31 in a group", "43 8080808040 00 44", false},
		{"2^29 in a group of a group", "43 13 8080808010 00 14 44", true},
		{"2^29 outside", "8080808010 00", false},
		{"another end", "43 4c", false},
	} {
		for _, pad := range []int{0, 200} {
			body := append(wire(tc.group), bytes.Repeat(wire("08 01"), pad)...)
			if err := New().Decode(body, new(testpb.Tree)); (err == nil) != tc.read {
				t.Errorf("%s, and %d records: got %v, want it read: %v", tc.rule, pad, err, tc.read)
			}
		}
	}
}

func errOf(_ []byte, err error) error { return err }

func TestMessagesWithinTheLimits(t *testing.T) {
	deep := func(n int) *testpb.Tree {
		m := &testpb.Tree{}
		for range n - 1 {
			m = &testpb.Tree{Choice: &testpb.Tree_Tree{Tree: m}}
		}
		return m
	}
	body := func(m proto.Message) []byte { return mustAppend(t, New(WithLimits(codecs.Limits{MaxDepth: 9000})), m) }
	c := New(WithLimits(codecs.Limits{MaxDepth: 5, MaxElements: 20, MaxBytes: 1000}))
	for _, tc := range []struct {
		rule string
		m    proto.Message
		ok   bool
	}{
		{"five levels", deep(5), true},
		{"six levels", deep(6), false},
		{"a thousand levels", deep(300), false},
		{"a list is a level", &testpb.Tree{Kids: []*testpb.Tree{{Kids: []*testpb.Tree{{}}}}}, true},
		{"two lists are two", &testpb.Tree{Kids: []*testpb.Tree{{Kids: []*testpb.Tree{deep(2)}}}}, false},
		{"a map is a level", &testpb.Tree{By: map[string]*testpb.Tree{"a": {Kids: []*testpb.Tree{deep(2)}}}}, false},
		{"the values of a map are a level, its entries none", &testpb.Tree{By: map[string]*testpb.Tree{"a": {By: map[string]*testpb.Tree{"b": {}}}}}, true},
		{"a list of numbers is a level", &testpb.Tree{By: map[string]*testpb.Tree{"a": {By: map[string]*testpb.Tree{"b": {Packed: []int32{1}}}}}}, false},
		{"a list of numbers in a map", &testpb.Tree{By: map[string]*testpb.Tree{"a": {Packed: []int32{1}}}}, true},
		{"a group is a level", &testpb.Tree{Group: deep(5)}, false},
		{"a list of 19", &testpb.Tree{Kids: slicesOf(19)}, true},
		{"a list of 21", &testpb.Tree{Kids: slicesOf(21)}, false},
		{"too many bytes", &testpb.Tree{Choice: &testpb.Tree_Text{Text: strings.Repeat("x", 1000)}}, false},
	} {
		_, err := c.Append(nil, tc.m)
		decodeErr := c.Decode(body(tc.m), new(testpb.Tree))
		if tc.ok && (err != nil || decodeErr != nil) {
			t.Errorf("%s: got %v, %v", tc.rule, err, decodeErr)
		}
		if !tc.ok && (!errors.Is(err, codecs.ErrLimit) || !errors.Is(decodeErr, codecs.ErrLimit)) {
			t.Errorf("%s: got %v, %v, want limits", tc.rule, err, decodeErr)
		}
	}
	packed := append(wire("3a 15"), make([]byte, 21)...)
	if err := c.Decode(packed, new(testpb.Tree)); !errors.Is(err, codecs.ErrLimit) {
		t.Errorf("21 packed items: got %v", err)
	}
	extended := &testpb.Tree{}
	proto.SetExtension(extended, testpb.E_More, []*testpb.Tree{deep(4)})
	if err := c.Decode(body(extended), new(testpb.Tree)); !errors.Is(err, codecs.ErrLimit) {
		t.Errorf("an extension of four levels in a list: got %v", err)
	}
}

func slicesOf(n int) []*testpb.Tree {
	list := make([]*testpb.Tree, n)
	for i := range list {
		list[i] = &testpb.Tree{}
	}
	return list
}

func TestCyclicMessagesAreAnError(t *testing.T) {
	ring := &testpb.Tree{}
	ring.Kids = []*testpb.Tree{ring}
	shared := &testpb.Tree{}
	for range 40 {
		shared = &testpb.Tree{Kids: []*testpb.Tree{shared, shared}}
	}
	for _, m := range []*testpb.Tree{ring, shared} {
		if _, err := New().Append(nil, m); !errors.Is(err, codecs.ErrLimit) {
			t.Errorf("got %v", err)
		}
	}
}

// TestAStructIsWhatGeneratedCodeReadsAndWrites draws values and lets the code that
// protoc-gen-go made read and write them beside the codec's plan.
func TestAStructIsWhatGeneratedCodeReadsAndWrites(t *testing.T) {
	c := New()
	rapid.Check(t, func(t *rapid.T) {
		plain := nestedOrder{
			Head: drawOrder(t, "head"), Lines: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) flatOrder { return drawOrder(t, "line") }), 0, 5).Draw(t, "lines"),
			Labels: rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "labels"), Blob: rapid.SliceOf(rapid.Byte()).Draw(t, "blob"),
			At:      time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "seconds"), rapid.Int64Range(1, 999999999).Draw(t, "nanos")).UTC(),
			Weights: rapid.SliceOf(rapid.Float64()).Draw(t, "weights"),
		}
		if rapid.Bool().Draw(t, "parent") {
			plain.Parent = ptr(drawOrder(t, "parent"))
		}
		want := &testpb.Nested{Labels: plain.Labels, At: timestamppb.New(plain.At), Blob: plain.Blob, Weights: plain.Weights}
		if plain.Head != (flatOrder{}) {
			want.Head = generated(plain.Head)
		}
		for _, line := range plain.Lines {
			want.Lines = append(want.Lines, generated(line))
		}
		if plain.Parent != nil {
			want.Parent = generated(*plain.Parent)
		}
		body, err := c.Append(nil, plain)
		if err != nil {
			t.Fatal(err)
		}
		same, err := proto.MarshalOptions{Deterministic: true}.Marshal(want)
		if err != nil || !bytes.Equal(body, same) {
			t.Fatalf("the plan writes %x, generated code %x, %v", body, same, err)
		}
		var got nestedOrder
		if err := c.Decode(same, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plain, got, exact); diff != "" {
			t.Fatal(diff)
		}
	})
}

func drawOrder(t *rapid.T, label string) flatOrder {
	return flatOrder{
		ID: rapid.String().Draw(t, label), Customer: rapid.String().Draw(t, label), Status: rapid.String().Draw(t, label), Note: rapid.String().Draw(t, label),
		Quantity: rapid.Int32().Draw(t, label), Price: rapid.Float64().Draw(t, label), Total: rapid.Int64().Draw(t, label),
		Paid: rapid.Bool().Draw(t, label), Created: rapid.Int64().Draw(t, label),
	}
}

func generated(o flatOrder) *testpb.Order {
	return &testpb.Order{
		Id: o.ID, Customer: o.Customer, Status: o.Status, Quantity: o.Quantity, Price: o.Price, Total: o.Total, Paid: o.Paid, Created: o.Created, Note: o.Note,
	}
}

// What stands alone at the top is the wrapper that Protobuf has for it.
func TestScalarsAtTheTopAreWellKnownWrappers(t *testing.T) {
	c := New()
	rapid.Check(t, func(t *rapid.T) {
		i, u, f, s := rapid.Int64().Draw(t, "i"), rapid.Uint64().Draw(t, "u"), rapid.Float64().Draw(t, "f"), rapid.String().Draw(t, "s")
		for _, pair := range []struct {
			plain   any
			message proto.Message
		}{
			{i, wrapperspb.Int64(i)}, {int32(i), wrapperspb.Int32(int32(i))}, {u, wrapperspb.UInt64(u)}, {uint32(u), wrapperspb.UInt32(uint32(u))},
			{f, wrapperspb.Double(f)}, {float32(f), wrapperspb.Float(float32(f))}, {s, wrapperspb.String(s)}, {[]byte(s), wrapperspb.Bytes([]byte(s))},
			{i > 0, wrapperspb.Bool(i > 0)}, {time.Unix(i%1e9, int64(u%1e9)), timestamppb.New(time.Unix(i%1e9, int64(u%1e9)))},
		} {
			got, err := c.Append(nil, pair.plain)
			want, engineErr := proto.Marshal(pair.message)
			if err != nil || engineErr != nil || !bytes.Equal(got, want) {
				t.Errorf("%T %v: got %x, %v, want %x, %v", pair.plain, pair.plain, got, err, want, engineErr)
			}
		}
	})
}
