package protoshape

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/shape"
	"github.com/polywire/polywire/internal/testpb"
	"github.com/polywire/polywire/internal/testpb/hybridpb"
	"github.com/polywire/polywire/internal/testpb/opaquepb"
	"github.com/polywire/polywire/internal/testpb/proto2pb"
	"github.com/polywire/polywire/internal/testpb/proto3pb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// there and back again, in a new message.
func roundTrip(t *testing.T, c *Messages, m proto.Message) proto.Message {
	t.Helper()
	plain, err := c.Plain(m, codecs.Limits{})
	if err != nil {
		t.Fatalf("Plain: %v", err)
	}
	back := m.ProtoReflect().New().Interface()
	if _, err := c.Empty(back); err != nil {
		t.Fatalf("Empty: %v", err)
	}
	if err := c.Fill(back, plain); err != nil {
		t.Fatalf("Fill: %v", err)
	}
	return back
}

func TestRandomMessagesComeBackEqual(t *testing.T) {
	var c Messages
	r := rand.New(rand.NewPCG(1, 2))
	for _, m := range []proto.Message{
		new(testpb.Kinds), new(hybridpb.Kinds), new(opaquepb.Kinds), new(proto2pb.Legacy), new(proto3pb.Modern),
		dynamicpb.NewMessage(new(testpb.Kinds).ProtoReflect().Descriptor()),
	} {
		for range 40 {
			proto.Reset(m)
			testpb.Fill(r, m, 2)
			back := roundTrip(t, &c, m)
			if diff := cmp.Diff(m, back, protocmp.Transform()); diff != "" {
				t.Fatalf("%T (-sent +got):\n%s", m, diff)
			}
		}
	}
}

func TestPresenceSurvives(t *testing.T) {
	var c Messages
	for _, m := range []proto.Message{
		&testpb.Scalars{},
		&testpb.Scalars{ABool: new(bool), AInt32: new(int32), AString: new(string), ABytes: []byte{}, ADouble: new(float64)},
		&testpb.Scalars{ADouble: proto.Float64(math.Copysign(0, -1)), BDouble: math.Copysign(0, -1), BFloat: float32(math.Inf(-1))},
		&testpb.Scalars{ALevel: testpb.Level(99).Enum(), BLevel: -7},
		&testpb.Kinds{Scalars: &testpb.Scalars{}, Choice: &testpb.Choice{}, Kids: []*testpb.Kinds{{}, {}}},
		&testpb.Choice{Value: &testpb.Choice_Text{}},
		&testpb.Choice{Value: &testpb.Choice_Number{}},
		&testpb.Choice{Value: &testpb.Choice_Blob{}},
		&testpb.Choice{Value: &testpb.Choice_Scalars{Scalars: &testpb.Scalars{}}},
		&testpb.Known{ABool: wrapperspb.Bool(false), AString: wrapperspb.String(""), ABytes: wrapperspb.Bytes(nil)},
		&testpb.Known{Value: structpb.NewNullValue(), List: &structpb.ListValue{}, Object: &structpb.Struct{}},
		&testpb.Known{Value: &structpb.Value{}}, // which JSON cannot say
		&testpb.Known{Value: structpb.NewNumberValue(math.Inf(1))},
		&testpb.Lists{Messages: []*testpb.Scalars{{}}, Wrapped: []*wrapperspb.Int64Value{{}, wrapperspb.Int64(1)}},
		&proto2pb.Legacy{Id: proto.String(""), Count: proto.Int32(7), Closed: proto2pb.Closed_CLOSED_TWO.Enum()},
		&proto2pb.Legacy{Id: proto.String("x"), Detail: &proto2pb.Legacy_Detail{Size: proto.Int32(0)}, Line: []*proto2pb.Legacy_Line{{}}},
		timestamppb.New(timestamppb.Now().AsTime()),
		durationpb.New(math.MinInt64),
		wrapperspb.UInt64(math.MaxUint64),
	} {
		back := roundTrip(t, &c, m)
		if !proto.Equal(m, back) {
			t.Errorf("sent %v, got %v", m, back)
		}
	}
}

func TestUnknownFieldsAreDropped(t *testing.T) {
	var c Messages
	m := &proto3pb.Modern{Id: "x"}
	m.ProtoReflect().SetUnknown([]byte{0x98, 0x06, 0x01})
	if back := roundTrip(t, &c, m); len(back.ProtoReflect().GetUnknown()) != 0 || back.(*proto3pb.Modern).GetId() != "x" {
		t.Errorf("got %v, want the known field alone", back)
	}
}

func TestPlainRefusesWhatItWouldLose(t *testing.T) {
	extended := &proto2pb.Legacy{Id: proto.String("x")}
	proto.SetExtension(extended, proto2pb.E_Extra, "more")
	endless := new(testpb.Kinds)
	endless.Kids = []*testpb.Kinds{{Next: endless}}
	doubled := new(testpb.Kinds)
	for range 40 {
		doubled = &testpb.Kinds{Kids: []*testpb.Kinds{doubled, doubled}}
	}
	for _, tt := range []struct {
		m    proto.Message
		want string
	}{
		{(*testpb.Kinds)(nil), "the message is nil"},
		{extended, "the extension polywire.test.proto2.extra is set"},
		{&proto2pb.Legacy{}, "id: is required, and missing"},
		{&proto2pb.Legacy{Id: proto.String("x"), Detail: &proto2pb.Legacy_Detail{}}, "detail.size: is required, and missing"},
		{endless, "nested deeper than 100 levels"},
		{doubled, "more than 1000 elements"},
		{&testpb.Lists{Times: []*timestamppb.Timestamp{{}, {Nanos: 1e9}}}, "times[1]: the nanoseconds of a time"},
		{&testpb.Known{At: &timestamppb.Timestamp{Seconds: math.MaxInt64}}, "at: the year is outside"},
		{&testpb.Known{Spent: &durationpb.Duration{Seconds: 1, Nanos: -1}}, "spent: a duration has"},
		{&testpb.Maps{Durations: map[string]*durationpb.Duration{"secret": {Nanos: -1e9}}}, "durations[#0]: a duration has"},
		{&proto3pb.Hostile{}, `id: the name "@type" cannot be carried`},
	} {
		_, err := new(Messages).Plain(tt.m, codecs.Limits{MaxElements: 1000})
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("Plain of %T: error %v, want one with %q", tt.m, err, tt.want)
		}
	}
}

// at returns the field of that name.
func at(t *testing.T, v shape.Value, s *shape.Shape, name string) (shape.Value, *shape.Shape) {
	t.Helper()
	i, ok := s.FindField([]byte(name), 0)
	if !ok {
		t.Fatalf("no field %s", name)
	}
	return v.Field(&s.Fields[i]), s.Fields[i].Shape
}

func TestFillRefusesWhatIsNoMessage(t *testing.T) {
	var c Messages
	choice := &testpb.Choice{Value: &testpb.Choice_Text{Text: "was there"}}
	plain, err := c.Empty(choice)
	if err != nil || choice.GetValue() != nil {
		t.Fatalf("Empty: error %v, message %v, want it reset", err, choice)
	}
	for _, name := range []string{"text", "number"} {
		v, s := at(t, plain.Value(), plain.Shape(), name)
		v.SetNew(s.Elem)
	}
	if err := c.Fill(choice, plain); err == nil || err.Error() != "number: a second member of the one-of value" || choice.GetValue() != nil {
		t.Errorf("Fill: error %v, message %v", err, choice)
	}

	legacy := new(proto2pb.Legacy)
	plain, _ = c.Empty(legacy)
	if err := c.Fill(legacy, plain); err == nil || err.Error() != "id: is required, and missing" {
		t.Errorf("Fill: error %v", err)
	}

	for _, text := range []string{"", "s", "1", "1.s", ".5s", "+1s", "1e3s", "--1s", "1.0000000001s", "315576000001s", "1 s"} {
		known := new(testpb.Known)
		plain, _ = c.Empty(known)
		v, s := at(t, plain.Value(), plain.Shape(), "spent")
		v.SetNew(s.Elem).SetStr(text)
		if err := c.Fill(known, plain); err == nil || !strings.HasPrefix(err.Error(), "spent: ") || known.Spent != nil {
			t.Errorf("Fill of a duration %q: error %v, message %v", text, err, known)
		}
	}
}

func TestDurationsAreWrittenAsJSONWritesThem(t *testing.T) {
	for _, tt := range []struct {
		seconds, nanos int64
		want           string
	}{
		{0, 0, "0s"}, {1, 0, "1s"}, {1, 500_000_000, "1.500s"}, {0, 1000, "0.000001s"}, {0, -1, "-0.000000001s"},
		{-maxDuration, -999_999_999, "-315576000000.999999999s"},
	} {
		got, err := formatDuration(tt.seconds, tt.nanos)
		if got != tt.want || err != nil {
			t.Errorf("formatDuration(%d, %d) = %q, error %v, want %q", tt.seconds, tt.nanos, got, err, tt.want)
		}
		seconds, nanos, err := parseDuration(got)
		if seconds != tt.seconds || nanos != tt.nanos || err != nil {
			t.Errorf("parseDuration(%q) = %d, %d, error %v", got, seconds, nanos, err)
		}
	}
}

func TestMessagesAreKnownByTheirTypes(t *testing.T) {
	var c Messages
	for _, tt := range []struct {
		t         reflect.Type
		isMessage bool
		err       error
	}{
		{reflect.TypeFor[testpb.Kinds](), true, nil},
		{reflect.TypeFor[*opaquepb.Kinds](), true, nil},
		{reflect.TypeFor[*structpb.Value](), true, nil},
		{reflect.TypeFor[*proto3pb.Hostile](), true, shape.ErrUnsupported},
		{reflect.TypeFor[*dynamicpb.Message](), true, errDynamic},
		{reflect.TypeFor[struct{ A int }](), false, nil},
		{reflect.TypeFor[*int](), false, nil},
		{reflect.TypeFor[proto.Message](), false, nil},
	} {
		plain, isMessage, err := c.ofType(tt.t)
		if isMessage != tt.isMessage || !errors.Is(err, tt.err) || (plain != nil) != (isMessage && err == nil) {
			t.Errorf("ofType(%s) = %v, %t, %v", tt.t, plain, isMessage, err)
		}
	}
}

func TestAMessageHasOneTypeHoweverManyAskFirst(t *testing.T) {
	var c Messages
	var group sync.WaitGroup
	shapes := make([]*shape.Shape, 32)
	for i := range shapes {
		group.Go(func() {
			roots := []protoreflect.MessageDescriptor{new(testpb.Kinds).ProtoReflect().Descriptor(), new(testpb.Choice).ProtoReflect().Descriptor()}
			if _, err := c.Shape(roots[i%2]); err != nil {
				t.Error(err)
			}
			shapes[i], _ = c.Shape(new(testpb.Scalars).ProtoReflect().Descriptor())
		})
	}
	group.Wait()
	for _, s := range shapes {
		if s != shapes[0] || s.Name != "polywire.test.Scalars" {
			t.Fatalf("got two shapes of one message, or one of the name %s", s.Name)
		}
	}
}
