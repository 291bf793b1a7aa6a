package protoshape

import (
	"math/rand/v2"
	"testing"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/testpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// FuzzPlain makes messages of any bytes: each is refused, or comes back equal but for
// what is unknown.
func FuzzPlain(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		m := new(testpb.Kinds)
		testpb.Fill(r, m, 1)
		wire, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	c := new(Messages)
	f.Fuzz(func(t *testing.T, wire []byte) {
		m := new(testpb.Kinds)
		if proto.Unmarshal(wire, m) != nil {
			return
		}
		plain, err := c.Plain(m, codecs.Limits{})
		if err != nil {
			return // as of a time in the year 10000
		}
		back := new(testpb.Kinds)
		if err := c.Fill(back, plain); err != nil {
			t.Fatalf("what became plain is no message: %v", err)
		}
		dropUnknown(m.ProtoReflect())
		if !equal(m, back) {
			t.Fatalf("sent %v, got %v", m, back)
		}
	})
}

// equal compares encodings: proto.Equal says that NaN is not NaN.
func equal(a, b proto.Message) bool {
	opts := proto.MarshalOptions{Deterministic: true}
	x, errA := opts.Marshal(a)
	y, errB := opts.Marshal(b)
	return errA == nil && errB == nil && string(x) == string(y)
}

func dropUnknown(m protoreflect.Message) {
	m.SetUnknown(nil)
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() && f.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { dropUnknown(v.Message()); return true })
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				dropUnknown(v.List().Get(i).Message())
			}
		case f.Message() != nil && !f.IsMap():
			dropUnknown(v.Message())
		}
		return true
	})
}
