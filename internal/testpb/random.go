package testpb

import (
	"math"
	"math/rand/v2"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// Fill sets about half of the fields of the empty m to what r gives, messages to
// the given depth. All of it is valid in Protobuf's JSON too: times and durations
// are in range, a Value has a kind and no NaN, an Any holds a Scalars.
func Fill(r *rand.Rand, m proto.Message, depth int) {
	filler{r}.message(m.ProtoReflect(), depth)
}

type filler struct{ *rand.Rand }

func (r filler) message(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	switch m.Descriptor().FullName() {
	case "google.protobuf.Timestamp", "google.protobuf.Duration":
		m.Set(fields.ByNumber(1), protoreflect.ValueOfInt64(r.Int64N(4e9)))
		m.Set(fields.ByNumber(2), protoreflect.ValueOfInt32(r.Int32N(1e9)))
		return
	case "google.protobuf.FieldMask":
		m.Mutable(fields.ByNumber(1)).List().Append(protoreflect.ValueOfString("a_path.below"))
		return
	case "google.protobuf.Any":
		inner := new(Scalars)
		r.message(inner.ProtoReflect(), 0)
		if packed, err := anypb.New(inner); err == nil {
			proto.Merge(m.Interface(), packed)
		}
		return
	case "google.protobuf.Value":
		i := r.IntN(4) // the first four kinds hold no message
		m.Set(fields.Get(i), r.scalar(fields.Get(i)))
		return
	}
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.Cardinality() == protoreflect.Required || depth >= 0 && r.IntN(2) == 0 {
			r.field(m, f, depth)
		}
	}
}

func (r filler) field(m protoreflect.Message, f protoreflect.FieldDescriptor, depth int) {
	switch {
	case f.IsMap():
		r.entries(m.Mutable(f).Map(), f, depth)
	case f.IsList():
		items := m.Mutable(f).List()
		for range 1 + r.IntN(3) {
			items.Append(r.value(items.NewElement(), f, depth))
		}
	case f.Message() == nil:
		m.Set(f, r.scalar(f))
	case depth > 0 || f.Cardinality() == protoreflect.Required:
		r.message(m.Mutable(f).Message(), depth-1)
	}
}

func (r filler) entries(m protoreflect.Map, f protoreflect.FieldDescriptor, depth int) {
	for range 1 + r.IntN(3) {
		m.Set(r.scalar(f.MapKey()).MapKey(), r.value(m.NewValue(), f.MapValue(), depth))
	}
}

// value returns a scalar of f, or fills empty if f holds messages.
func (r filler) value(empty protoreflect.Value, f protoreflect.FieldDescriptor, depth int) protoreflect.Value {
	if f.Message() == nil {
		return r.scalar(f)
	}
	r.message(empty.Message(), depth-1)
	return empty
}

func (r filler) scalar(f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(r.IntN(2) == 0)
	case protoreflect.EnumKind:
		values := f.Enum().Values()
		if i := r.IntN(values.Len() + 1); f.Enum().IsClosed() || i < values.Len() || values.Len() == 1 { // as of NullValue
			return protoreflect.ValueOfEnum(values.Get(i % values.Len()).Number())
		}
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(r.Int32()))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(r.bits()))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(int64(r.bits()))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(r.bits()))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(r.bits())
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(r.NormFloat64()))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(r.NormFloat64() * math.Exp2(float64(r.IntN(200)-100)))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(r.text())
	default:
		return protoreflect.ValueOfBytes([]byte(r.text()))
	}
}

// bits returns a number of any length, and often one at an edge.
func (r filler) bits() uint64 {
	edges := [...]uint64{0, 1, math.MaxUint64, math.MaxInt64, 1 << 63, 1 << 53, 1<<53 + 1}
	if i := r.IntN(2 * len(edges)); i < len(edges) {
		return edges[i]
	}
	return r.Uint64() >> r.IntN(64)
}

func (r filler) text() string {
	alphabet := [...]string{"a", "Z", "7", " ", "\"", "<", "&", "\\", "\n", "\x00", "\x7f", "é", "\u2028", "世", "🙂", "\ufffd"}
	text := ""
	for range r.IntN(9) {
		text += alphabet[r.IntN(len(alphabet))]
	}
	return text
}
