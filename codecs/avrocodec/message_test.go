package avrocodec

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/polywire/polywire/internal/testpb"
	"github.com/polywire/polywire/internal/testpb/hybridpb"
	"github.com/polywire/polywire/internal/testpb/opaquepb"
	"github.com/polywire/polywire/internal/testpb/proto2pb"
	"github.com/polywire/polywire/internal/testpb/proto3pb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
)

func TestMessagesComeBackEqual(t *testing.T) {
	c, r := New(), rand.New(rand.NewPCG(3, 4))
	for _, m := range []proto.Message{new(testpb.Kinds), new(hybridpb.Kinds), new(opaquepb.Kinds), new(proto2pb.Legacy), new(proto3pb.Modern)} {
		if err := c.CheckType(reflect.TypeOf(m)); err != nil {
			t.Errorf("CheckType of %T: %v", m, err)
			continue
		}
		for range 20 {
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

func TestAMessageHasTheSchemaOfItsPlainValue(t *testing.T) {
	s, err := New().Schema(reflect.TypeFor[*testpb.Choice]())
	if err != nil || s.Name() != "Choice" || !strings.Contains(s.String(), `{"name":"number","type":["null",`) {
		t.Errorf("got %v, %v", s, err)
	}
}
