package protofiles_test

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/polywire/polywire/codecs/all"
	"github.com/polywire/polywire/internal/protofiles"
	"github.com/polywire/polywire/internal/testpb"
	"github.com/polywire/polywire/internal/testpb/opaquepb"
	"github.com/polywire/polywire/internal/testpb/proto2pb"
	"github.com/polywire/polywire/internal/testpb/proto3pb"
)

// messages are of each API and syntax.
func messages() []proto.Message {
	return []proto.Message{new(testpb.Scalars), new(testpb.Kinds), new(opaquepb.Kinds), new(proto2pb.Legacy), new(proto3pb.Modern)}
}

func TestADescribedMessageIsReadAndWrittenAsTheGeneratedOneInEveryFormat(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, empty := range messages() {
		var set protofiles.Set
		name, ok := set.Add(reflect.TypeOf(empty).Elem())
		if !ok {
			t.Fatalf("%T is no message", empty)
		}
		b, err := set.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		files, err := protofiles.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			m := proto.Clone(empty)
			testpb.Fill(r, m, 3)
			for _, c := range all.Codecs() {
				body, err := c.Append(nil, m)
				if err != nil {
					t.Fatalf("%s %s: %v", c.Name(), name, err)
				}
				described, err := files.New(name)
				if err != nil {
					t.Fatal(err)
				}
				if err := c.Decode(body, described); err != nil {
					t.Fatalf("%s %s: %v", c.Name(), name, err)
				}
				again, err := c.Append(nil, described)
				if err != nil {
					t.Fatalf("%s %s: %v", c.Name(), name, err)
				}
				got := empty.ProtoReflect().New().Interface()
				if err := c.Decode(again, got); err != nil || !proto.Equal(got, m) {
					t.Errorf("%s %s: got %v, %v\nwant %v", c.Name(), name, got, err, m)
				}
			}
		}
	}
}

func TestTheFilesOfOneMessageAreTheSameBytes(t *testing.T) {
	var first []byte
	for range 10 {
		var set protofiles.Set
		for _, m := range messages() {
			set.Add(reflect.TypeOf(m).Elem())
			set.Add(reflect.TypeOf(m).Elem())
		}
		b, err := set.Bytes()
		if err != nil || first != nil && string(b) != string(first) {
			t.Fatalf("got %d bytes, %v, want %d", len(b), err, len(first))
		}
		first = b
	}
}

func TestWhatIsNoMessageHasNoFile(t *testing.T) {
	var set protofiles.Set
	if name, ok := set.Add(reflect.TypeFor[struct{}]()); ok {
		t.Errorf("got %q", name)
	}
	if b, err := set.Bytes(); b != nil || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestFilesOfStrangers(t *testing.T) {
	for b, want := range map[string]string{
		"x":                          "no set",
		"\n\x03\n\x01f\n\x03\n\x01f": "fit together",
	} {
		if _, err := protofiles.Parse([]byte(b)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", b, err, want)
		}
	}
	files, err := protofiles.Parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "a.B", "\xff"} {
		if m, err := files.New(name); err == nil {
			t.Errorf("%q: got %v", name, m)
		}
	}
}

// FuzzParse holds that files from anywhere are refused or make messages.
func FuzzParse(f *testing.F) {
	var set protofiles.Set
	name, _ := set.Add(reflect.TypeFor[proto3pb.Modern]())
	b, err := set.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, name)
	f.Fuzz(func(_ *testing.T, b []byte, name string) {
		files, err := protofiles.Parse(b)
		if err != nil {
			return
		}
		if m, err := files.New(name); err == nil {
			_, _ = proto.Marshal(m) // it does not panic
		}
	})
}
