package protocodec

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// dynamic returns an empty message of the descriptor of t, as the engine has it.
func dynamic(t testing.TB, c *Codec, typ reflect.Type) proto.Message {
	t.Helper()
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ == reflect.TypeFor[time.Time]() {
		return new(timestamppb.Timestamp)
	}
	file, err := c.Descriptor(typ)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatalf("%s: %v\n%s", typ, err, file)
	}
	return dynamicpb.NewMessage(fd.Messages().Get(0))
}

// unknown returns what the engine did not know in m and all messages in it.
func unknown(m protoreflect.Message) (all []byte) {
	all = append(all, m.GetUnknown()...)
	add := func(v protoreflect.Value) { all = append(all, unknown(v.Message())...) }
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() && f.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { add(v); return true })
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				add(v.List().Get(i))
			}
		case f.Message() != nil && !f.IsMap():
			add(v)
		}
		return true
	})
	return all
}

// TestTheEngineAgreesAboutEveryKind lets the engine read and write by the exported
// descriptor what the codec writes and reads by the type, in both directions.
func TestTheEngineAgreesAboutEveryKind(t *testing.T) {
	c := New()
	for _, d := range documents(t) {
		m := dynamic(t, c, d.typ)
		if err := proto.Unmarshal(d.body, m); err != nil {
			t.Errorf("%s: the engine does not read %x: %v", d.typ, d.body, err)
			continue
		}
		if left := unknown(m.ProtoReflect()); len(left) > 0 {
			t.Errorf("%s: the engine does not know %x of %x", d.typ, left, d.body)
		}
		same, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil || !bytes.Equal(same, d.body) {
			t.Errorf("%s: the engine writes %x, %v; want %x", d.typ, same, err, d.body)
		}
		want, err := d.decode(c, d.body)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 { // the engine writes maps in any order
			any, err := proto.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.decode(c, any)
			if err != nil {
				t.Fatalf("%s: what the engine writes, %x, is not read: %v", d.typ, any, err)
			}
			if diff := cmp.Diff(want, got, exact, cmp.AllowUnexported(embedding{})); diff != "" {
				t.Errorf("%s: %s", d.typ, diff)
			}
		}
	}
}

// TestBothReadersTakeTheSame changes bytes at random: what the codec reads the
// engine reads too.
func TestWhatTheCodecReadsTheEngineReads(t *testing.T) {
	c, random := New(), rand.New(rand.NewPCG(1, 2))
	for _, d := range documents(t) {
		for range 200 {
			body := bytes.Clone(d.body)
			for range random.IntN(3) + 1 {
				if len(body) > 0 {
					body[random.IntN(len(body))] ^= 1 << random.IntN(8)
				}
			}
			if _, err := d.decode(c, body); err != nil {
				continue
			}
			if err := proto.Unmarshal(body, dynamic(t, c, d.typ)); err != nil {
				t.Errorf("%s: %x is read by the codec, and not by the engine: %v", d.typ, body, err)
			}
		}
	}
}

type (
	odd struct {
		Umlaut int            `wire:"größe,1"`
		Dotted map[string]int `wire:"a.b,2"`
		Dashed map[string]int `wire:"a-b,3"`
		Same   *int           `wire:"a_b,4"`
		In     []odder        `wire:"in,5"`
		Inner  struct {
			A int `wire:"a,1"`
		} `wire:"inner,6"`
		Long int   `wire:"long,536870911"`
		Nest nests `wire:"nest,7"`
	}
	odder = struct {
		B uint `wire:"b,1"`
	}
	nests []nests
)

func TestDescriptorsOfOddTypesAreValid(t *testing.T) {
	c := New()
	v := odd{Umlaut: 1, Dotted: map[string]int{"x": 1}, Dashed: map[string]int{"y": 2}, Same: ptr(3), In: []odder{{4}}, Long: 5, Nest: nests{{}, {{}}}}
	v.Inner.A = 6
	m := dynamic(t, c, reflect.TypeFor[odd]())
	if err := proto.Unmarshal(mustAppend(t, c, v), m); err != nil || len(unknown(m.ProtoReflect())) > 0 {
		t.Errorf("got %v, unknown %x", err, unknown(m.ProtoReflect()))
	}
	f := m.ProtoReflect().Descriptor().Fields().ByNumber(1)
	if f.Name() != "gr__e" || f.JSONName() != "größe" {
		t.Errorf("got the name %s and the JSON name %s", f.Name(), f.JSONName())
	}
	if _, err := c.Descriptor(reflect.TypeFor[time.Time]()); err == nil {
		t.Error("a time has a message of its own")
	}
	if _, err := c.Descriptor(nil); err == nil {
		t.Error("a nil type has a message")
	}
}

func TestDescriptorReadsAsAProto(t *testing.T) {
	file, err := New().Descriptor(reflect.TypeFor[*levels]())
	if err != nil {
		t.Fatal(err)
	}
	want := &descriptorpb.FileDescriptorProto{
		Name: proto.String("github.com/polywire/polywire/codecs/protocodec/Levels.proto"), Package: proto.String("protocodec"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{
			Name: proto.String("Levels"),
			Field: []*descriptorpb.FieldDescriptorProto{
				{Name: proto.String("level"), JsonName: proto.String("level"), Number: proto.Int32(1),
					Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_INT32.Enum()},
				{Name: proto.String("by"), JsonName: proto.String("by"), Number: proto.Int32(2),
					Label: descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(),
					TypeName: proto.String(".protocodec.Levels.ByEntry")},
			},
			NestedType: []*descriptorpb.DescriptorProto{{
				Name: proto.String("ByEntry"), Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)},
				Field: []*descriptorpb.FieldDescriptorProto{
					{Name: proto.String("key"), Number: proto.Int32(1), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
						Type: descriptorpb.FieldDescriptorProto_TYPE_INT32.Enum()},
					{Name: proto.String("value"), Number: proto.Int32(2), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
						Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum()},
				},
			}},
		}},
	}
	if !proto.Equal(want, file) {
		t.Errorf("got  %v\nwant %v", file, want)
	}
}

// The tables of a message reach every number, also of many fields and of wide gaps.
func TestFieldsAreFoundByNumber(t *testing.T) {
	var fields []reflect.StructField
	for i := range 1500 {
		n := 3*i + 1
		if n >= 19000 {
			n += 1000
		}
		fields = append(fields, reflect.StructField{
			Name: "F" + string(rune('A'+i/676%26)) + string(rune('A'+i/26%26)) + string(rune('A'+i%26)),
			Type: reflect.TypeFor[int](), Tag: reflect.StructTag(`wire:",` + itoa(n) + `"`),
		})
	}
	typ := reflect.StructOf(fields)
	v := reflect.New(typ)
	for i := range fields {
		v.Elem().Field(i).SetInt(int64(i + 1))
	}
	c := New()
	body := mustAppend(t, c, v.Interface())
	got := reflect.New(typ)
	if err := c.Decode(reversed(t, body), got.Interface()); err != nil || !reflect.DeepEqual(v.Interface(), got.Interface()) {
		t.Errorf("got %v, %v", got, err)
	}
}

// reversed returns the records of body, the last first.
func reversed(t *testing.T, body []byte) (out []byte) {
	for len(body) > 0 {
		_, _, n := protowire.ConsumeField(body)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		out = append(bytes.Clone(body[:n]), out...)
		body = body[n:]
	}
	return out
}
