package msgpackcodec

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/testpb"
	"github.com/polywire/polywire/internal/testpb/hybridpb"
	"github.com/polywire/polywire/internal/testpb/opaquepb"
	"github.com/polywire/polywire/internal/testpb/proto2pb"
	"github.com/polywire/polywire/internal/testpb/proto3pb"
	"github.com/vmihailenco/msgpack/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// messages has one of each API and syntax.
func messages() []proto.Message {
	return []proto.Message{
		new(testpb.Kinds), new(hybridpb.Kinds), new(opaquepb.Kinds), new(proto2pb.Legacy), new(proto3pb.Modern),
	}
}

func TestMessagesComeBackEqual(t *testing.T) {
	c, r := New(), rand.New(rand.NewPCG(3, 4))
	for _, m := range messages() {
		if err := c.CheckType(reflect.TypeOf(m)); err != nil {
			t.Errorf("CheckType of %T: %v", m, err)
		}
		for range 30 {
			proto.Reset(m)
			testpb.Fill(r, m, 2)
			wire, err := c.Append([]byte("x"), m)
			if err != nil {
				t.Fatalf("%T: %v", m, err)
			}
			back := m.ProtoReflect().New().Interface()
			testpb.Fill(r, back, 0) // what was there is gone
			if err := c.Decode(wire[1:], back); err != nil {
				t.Fatalf("%T: %v", m, err)
			}
			if diff := cmp.Diff(m, back, protocmp.Transform()); diff != "" {
				t.Fatalf("%T (-sent +got):\n%s", m, diff)
			}
		}
	}
}

func TestAMessageIsAMapOfItsJSONNames(t *testing.T) {
	id := "7"
	m := &testpb.Kinds{
		Scalars: &testpb.Scalars{AString: &id, AInt64: proto.Int64(1 << 53), ALevel: testpb.Level_LEVEL_LOW.Enum()},
		Known:   &testpb.Known{At: timestamppb.New(timestamppb.Now().AsTime()), AInt32: wrapperspb.Int32(0)},
		Choice:  &testpb.Choice{Value: &testpb.Choice_Number{Number: 0}},
	}
	wire := mustAppend(t, New(), m)
	var got any
	if err := msgpack.Unmarshal(wire, &got); err != nil {
		t.Fatal(err)
	}
	scalars := func(extra map[string]any) map[string]any { // those without presence are always there
		extra["bBool"], extra["bString"], extra["bBytes"] = false, "", []byte{}
		extra["bInt32"], extra["bInt64"], extra["bUint32"], extra["bUint64"] = int8(0), int8(0), int8(0), int8(0)
		extra["bFloat"], extra["bDouble"], extra["bLevel"] = float32(0), float64(0), int8(0)
		return extra
	}
	want := map[string]any{
		"scalars": scalars(map[string]any{"aString": "7", "aInt64": uint64(1 << 53), "aLevel": int8(1)}),
		"known":   map[string]any{"at": m.Known.At.AsTime(), "aInt32": int8(0)},
		"choice":  map[string]any{"number": int8(0)},
		"kids":    []any{}, "byName": map[string]any{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMessagesAreRefusedAsValuesAre(t *testing.T) {
	c := New(WithLimits(codecs.Limits{MaxDepth: 10}))
	endless := new(testpb.Kinds)
	endless.Next = endless
	bad := "\xff"
	for _, tt := range []struct {
		m    proto.Message
		want string
	}{
		{(*testpb.Kinds)(nil), "msgpack: encode: the message is nil"},
		{endless, "nested deeper than 10 levels"},
		{&proto2pb.Legacy{Id: &bad}, "msgpack: encode id: invalid UTF-8"},
		{&proto2pb.Legacy{}, "msgpack: encode id: is required, and missing"},
		{&testpb.Maps{Texts: map[string]string{bad: ""}}, "msgpack: encode texts: a key is not valid UTF-8"},
	} {
		out, err := c.Append([]byte("x"), tt.m)
		if err == nil || !strings.Contains(err.Error(), tt.want) || string(out) != "x" {
			t.Errorf("Append: %q, error %v, want %q", out, err, tt.want)
		}
	}
	deep := func(n int) []byte { return append([]byte(strings.Repeat("\x81\xa4next", n)), 0x80) }
	for _, tt := range []struct {
		m    proto.Message
		src  string
		want string
	}{
		{(*testpb.Kinds)(nil), "\x80", "msgpack: decode at byte 0: the message is nil"},
		{new(testpb.Kinds), string(deep(10)), "nested deeper than 10 levels"},
		{new(testpb.Kinds), "\x81\xa4kids\x91\x81\xa6choice\x01", "msgpack: decode kids[0].choice at byte 15: want a struct, got an integer"},
		{new(testpb.Choice), "\x82\xa4text\xa1x\xa6number\x01", "msgpack: decode number at byte 16: a second member of the one-of value"},
		{new(proto2pb.Legacy), "\x80", "msgpack: decode id at byte 1: is required, and missing"},
		{new(testpb.Scalars), "\x81\xa6aInt32\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "decode aInt32 at byte 17: out of range for int32"},
		{new(testpb.Known), "\x81\xa5spent\xa2xs", `msgpack: decode spent at byte 10: want a duration of seconds as in "1.5s"`},
	} {
		err := c.Decode([]byte(tt.src), tt.m)
		if err == nil || !strings.Contains(err.Error(), tt.want) || proto.Size(tt.m) != 0 {
			t.Errorf("Decode: %v, error %v, want %q and an empty message", tt.m, err, tt.want)
		}
	}
	if err := c.Decode(deep(8), new(testpb.Kinds)); err != nil {
		t.Errorf("9 levels: %v", err)
	}
	if err := c.CheckType(reflect.TypeFor[proto3pb.Hostile]()); !errors.Is(err, codecs.ErrUnsupported) {
		t.Errorf("CheckType: %v, want %v", err, codecs.ErrUnsupported)
	}
}

// A decoded message stands beside the plain value that it was made of.
func TestMessagesOfHostileInputStayInTheBudget(t *testing.T) {
	c := New()
	for name, item := range map[string]string{"kids": "\x80", "by nothing": "\x81\xa5lists\x80", "one byte": "\x81\xa5known\x81\xa5empty\x80"} {
		const n = 20_000
		src := slices.Concat([]byte("\x81\xa4kids\xdd\x00\x00\x4e\x20"), []byte(strings.Repeat(item, n)))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := c.Decode(src, new(testpb.Kinds))
		runtime.ReadMemStats(&after)
		spent := after.TotalAlloc - before.TotalAlloc
		budget := uint64(512*c.given.ForInput(len(src)).MaxElements + 16*len(src))
		t.Logf("%s: %d bytes for %d, error %v", name, spent, len(src), err)
		if spent > budget {
			t.Errorf("%s: %d bytes allocated for an input of %d, want at most %d", name, spent, len(src), budget)
		}
	}
}
