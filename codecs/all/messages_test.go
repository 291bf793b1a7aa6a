package all_test

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/all"
	"github.com/polywire/polywire/codecs/schema"
	"github.com/polywire/polywire/internal/testpb"
	"github.com/polywire/polywire/internal/testpb/hybridpb"
	"github.com/polywire/polywire/internal/testpb/opaquepb"
	"github.com/polywire/polywire/internal/testpb/proto2pb"
	"github.com/polywire/polywire/internal/testpb/proto3pb"
)

func TestEveryCodecCarriesGeneratedMessages(t *testing.T) {
	for _, c := range all.Codecs() {
		t.Run(c.Name(), func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 6))
			for _, m := range []proto.Message{
				new(testpb.Kinds), new(hybridpb.Kinds), new(opaquepb.Kinds), new(proto2pb.Legacy), new(proto3pb.Modern),
			} {
				if err := c.(codecs.TypeChecker).CheckType(reflect.TypeOf(m)); err != nil {
					t.Fatal(err)
				}
				for range 10 {
					proto.Reset(m)
					testpb.Fill(r, m, 2)
					body, err := c.Append(nil, m)
					if err != nil {
						t.Fatalf("%T: %v", m, err)
					}
					got := m.ProtoReflect().New().Interface()
					if err := c.Decode(body, got); err != nil {
						t.Fatalf("%T: %v", m, err)
					}
					if diff := cmp.Diff(m, got, protocmp.Transform()); diff != "" {
						t.Fatalf("%T is another afterwards (-want +got):\n%s", m, diff)
					}
				}
			}
		})
	}
}

// A program that has the description alone reads what one with the type wrote, and
// writes the same bytes.
func TestEveryCodecCarriesADescribedType(t *testing.T) {
	var d schema.Describer
	described, err := d.Type(reflect.TypeFor[parcel]())
	if err != nil {
		t.Fatal(err)
	}
	maker, err := d.Types.Maker(described)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all.Codecs() {
		want, err := c.Append(nil, aParcel())
		if err != nil {
			t.Fatal(err)
		}
		v := maker.New()
		if err := c.Decode(want, v); err != nil {
			t.Errorf("%s: %v", c.Name(), err)
			continue
		}
		got, err := c.Append(nil, v)
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: got %q, error %v, want %q", c.Name(), got, err, want)
		}
	}
}
