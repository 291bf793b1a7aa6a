package protocodec

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/polywire/polywire/internal/brokertest"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/structpb"
)

// TestProtocCompilesTheSourceToTheDescriptor holds the text of every type of the
// profile against the compiler.
func TestProtocCompilesTheSourceToTheDescriptor(t *testing.T) {
	python := brokertest.Python(t, "grpc_tools")
	c, folder := New(), t.TempDir()
	var files []*descriptorpb.FileDescriptorProto
	type named struct {
		A   string             `wire:"a-b,1"`
		B   int                `wire:"customName,2"`
		C   map[string]float32 `wire:"Ünïcode,3"`
		D   *bool              `wire:"_x_y,4"`
		Two []nestedOrder      `wire:"two_words,5"`
	}
	types := []reflect.Type{reflect.TypeFor[named]()}
	for _, d := range documents(t) {
		types = append(types, d.typ)
	}
	for _, typ := range types {
		file, err := c.Descriptor(typ)
		if err != nil {
			continue // a time alone, which has its .proto
		}
		text, err := Source(file)
		if err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		file.Name = proto.String(fmt.Sprintf("f%d.proto", len(files)))
		if err := os.WriteFile(filepath.Join(folder, file.GetName()), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if out, err := exec.CommandContext(t.Context(), python, "testdata/protoc.py", folder).CombinedOutput(); err != nil {
		t.Fatalf("protoc: %v\n%s", err, out)
	}
	for _, want := range files {
		compiled, err := os.ReadFile(filepath.Join(folder, want.GetName()+".bin"))
		if err != nil {
			t.Fatal(err)
		}
		var got descriptorpb.FileDescriptorSet
		if err := proto.Unmarshal(compiled, &got); err != nil || len(got.GetFile()) != 1 {
			t.Fatalf("%v, error %v", &got, err)
		}
		for _, m := range want.GetMessageType() { // protoc names those of map entries too
			for _, nested := range m.GetNestedType() {
				nested.Field[0].JsonName, nested.Field[1].JsonName = proto.String("key"), proto.String("value")
			}
		}
		if diff := cmp.Diff(want, got.GetFile()[0], protocmp.Transform()); diff != "" {
			t.Errorf("%s (-exported +compiled):\n%s", want.GetName(), diff)
		}
	}
}

func TestSourceRefusesTheFilesOfGeneratedMessages(t *testing.T) {
	file := protodesc.ToFileDescriptorProto(structpb.File_google_protobuf_struct_proto)
	if _, err := Source(file); err == nil {
		t.Error("a file with an enum has a text")
	}
}
