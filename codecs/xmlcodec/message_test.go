package xmlcodec

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/testpb"
	"github.com/polywire/polywire/internal/testpb/hybridpb"
	"github.com/polywire/polywire/internal/testpb/opaquepb"
	"github.com/polywire/polywire/internal/testpb/proto2pb"
	"github.com/polywire/polywire/internal/testpb/proto3pb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
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
		for range 40 {
			proto.Reset(m)
			testpb.Fill(r, m, 3)
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

func TestAMessageIsAStructOfItsJSONNames(t *testing.T) {
	m := &testpb.Kinds{
		Scalars: &testpb.Scalars{AString: proto.String("7\x00"), AInt64: proto.Int64(1 << 53), ALevel: testpb.Level_LEVEL_LOW.Enum(), BBytes: []byte{0}, BDouble: math.Inf(-1)},
		Known: &testpb.Known{
			At: &timestamppb.Timestamp{Seconds: -1, Nanos: 5}, Spent: &durationpb.Duration{Seconds: -1, Nanos: -500_000_000}, AInt32: wrapperspb.Int32(0),
			Value: structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{structpb.NewNullValue(), structpb.NewBoolValue(true)}}),
		},
		Choice: &testpb.Choice{Value: &testpb.Choice_Number{}},
		Kids:   []*testpb.Kinds{{}, {}},
		ByName: map[string]*testpb.Kinds{"a b": {}},
	}
	const want = "<value>" +
		"<scalars><aInt64>9007199254740992</aInt64><aString encoding=\"base64\">NwA=</aString><aLevel>1</aLevel><bBool>false</bBool><bInt32>0</bInt32><bInt64>0</bInt64><bUint32>0</bUint32><bUint64>0</bUint64>" +
		"<bFloat>0</bFloat><bDouble>-Infinity</bDouble><bString/><bBytes>AA==</bBytes><bLevel>0</bLevel></scalars>" +
		"<known><at>1969-12-31T23:59:59.000000005Z</at><spent>-1.500s</spent><value><listValue><values><nullValue>0</nullValue></values><values><boolValue>true</boolValue></values></listValue></value><aInt32>0</aInt32></known>" +
		"<choice><number>0</number></choice><kids><byName/></kids><kids><byName/></kids><byName><entry key=\"a b\"><byName/></entry></byName></value>"
	if got := mustAppend(t, New(), m); string(got) != want {
		t.Errorf("\ngot  %s\nwant %s", got, want)
	}
	var back testpb.Kinds
	if err := New().Decode([]byte(want), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, &back, protocmp.Transform()); diff != "" {
		t.Error(diff)
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
		{(*testpb.Kinds)(nil), "xml: encode: the message is nil"},
		{endless, "nested deeper than 10 levels"},
		{&proto2pb.Legacy{Id: &bad}, "xml: encode id: invalid UTF-8"},
		{&proto2pb.Legacy{}, "xml: encode id: is required, and missing"},
		{&testpb.Maps{Texts: map[string]string{bad: ""}}, "xml: encode texts: a key is not valid UTF-8"},
	} {
		out, err := c.Append([]byte("x"), tt.m)
		if err == nil || !strings.Contains(err.Error(), tt.want) || string(out) != "x" {
			t.Errorf("Append: %q, error %v, want %q", out, err, tt.want)
		}
	}
	deep := func(n int) []byte {
		return []byte("<v>" + strings.Repeat("<next>", n) + strings.Repeat("</next>", n) + "</v>")
	}
	for _, tt := range []struct {
		m    proto.Message
		src  string
		want string
	}{
		{(*testpb.Kinds)(nil), "<v/>", "xml: decode at byte 0: the message is nil"},
		{new(testpb.Kinds), string(deep(10)), "nested deeper than 10 levels"},
		{new(testpb.Kinds), "<v><kids><choice>1</choice></kids></v>", "xml: decode kids[0].choice at byte 17: text where elements are expected"},
		{new(testpb.Choice), "<v><text>x</text><number>1</number></v>", "xml: decode number at byte 39: a second member of the one-of value"},
		{new(proto2pb.Legacy), "<v/>", "xml: decode id at byte 4: is required, and missing"},
		{new(testpb.Scalars), "<v><aInt32>2147483648</aInt32></v>", "decode aInt32 at byte 30: out of range for int32"},
		{new(testpb.Known), "<v><spent>xs</spent></v>", `xml: decode spent at byte 24: want a duration of seconds as in "1.5s"`},
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
	for name, item := range map[string]string{"kids": "<kids/>", "by nothing": "<kids><lists/></kids>", "one element": "<kids><known><empty/></known></kids>"} {
		src := []byte("<v>" + strings.Repeat(item, 20_000) + "</v>")
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
