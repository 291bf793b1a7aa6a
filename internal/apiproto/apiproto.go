// Package apiproto writes what a service offers as Protobuf has it: descriptors of
// its messages, and of services whose methods are its destinations. Tools of gRPC ask for these.
package apiproto

import (
	"fmt"
	"go/token"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/polywire/polywire/codecs/protocodec"
	"github.com/polywire/polywire/codecs/schema"
	"github.com/polywire/polywire/internal/protofiles"
	"github.com/polywire/polywire/transport/contract"
)

// Messages returns the file of all structs in types, and the full name of the message of each.
func Messages(types schema.Types) (*descriptorpb.FileDescriptorProto, map[string]string, error) {
	all, names := everyStruct(types)
	if len(names) == 0 {
		return &descriptorpb.FileDescriptorProto{Syntax: proto.String("proto3"), Name: proto.String("messages.proto")}, nil, nil
	}
	maker, err := types.Maker(all)
	if err != nil {
		return nil, nil, err
	}
	file, err := protocodec.New().DescriptorOf(maker.New())
	if err != nil {
		return nil, nil, err
	}
	messages := make(map[string]string, len(names))
	for i, f := range file.GetMessageType()[0].GetField() {
		messages[names[i]] = strings.TrimPrefix(f.GetTypeName(), ".")
	}
	file.MessageType = file.GetMessageType()[1:] // the first holds all others
	return file, messages, nil
}

// carried leaves out the structs that Protobuf does not carry, as without numbers of fields.
func carried(types schema.Types) schema.Types {
	kept := maps.Clone(types)
	maps.DeleteFunc(kept, func(name string, t *schema.Type) bool {
		if t.Kind != "struct" {
			return false
		}
		maker, err := types.Maker(&schema.Type{Kind: "struct", Type: name})
		if err == nil {
			_, err = protocodec.New().DescriptorOf(maker.New())
		}
		return err != nil
	})
	return kept
}

// everyStruct returns a struct that holds one of each, and their names in that order.
func everyStruct(types schema.Types) (*schema.Type, []string) {
	all := &schema.Type{Kind: "struct"}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(types)) {
		if types[name].Kind != "struct" {
			continue
		}
		field := schema.Type{Name: name, Number: len(all.Fields) + 1, Kind: "struct", Type: name, Optional: true}
		if !token.IsIdentifier(name) {
			field.Name = fmt.Sprintf("_%d", field.Number)
		}
		all.Fields = append(all.Fields, field)
		names = append(names, name)
	}
	return all, names
}

// An API is what a description offers to clients of gRPC.
type API struct {
	Files    *protoregistry.Files
	Services []string // full names, sorted
}

// Read makes the API of a description as JSON. Methods whose names Protobuf does not
// allow, or that carry what is no message, are left out, and so is a service that no file can hold.
func Read(document []byte) (*API, error) {
	d, err := contract.ParseDescription(document)
	if err != nil {
		return nil, err
	}
	file, messages, err := Messages(carried(d.Types))
	if err != nil {
		return nil, err
	}
	file.Name = proto.String("polywire/" + d.Service + ".messages.proto")
	generated, err := protofiles.Parse(d.Files)
	if err != nil {
		return nil, err
	}
	a := &API{Files: generated.Registry()}
	m := &maker{api: a, messages: messages, file: file.GetName(), types: d.Types}
	if err := m.register(file); err != nil {
		return nil, err
	}
	services := methods(d)
	for _, name := range slices.Sorted(maps.Keys(services)) {
		if m.service(name, services[name]) == nil {
			a.Services = append(a.Services, name)
		}
	}
	return a, nil
}

// methods are the operations of each service that a method of gRPC can stand for.
func methods(d *contract.Description) map[string][]*contract.Operation {
	found := map[string][]*contract.Operation{}
	for i := range d.Operations {
		op := &d.Operations[i]
		dot := strings.LastIndexByte(op.Destination, '.')
		if op.Style != "method" || dot < 0 || !protoreflect.FullName(op.Destination).IsValid() {
			continue
		}
		found[op.Destination[:dot]] = append(found[op.Destination[:dot]], op)
	}
	return found
}

// A maker adds files of services to an API.
type maker struct {
	api      *API
	messages map[string]string // full names of messages, by the description's names
	file     string            // path of the file that holds them
	types    schema.Types
}

func (m *maker) service(name string, ops []*contract.Operation) error {
	full := protoreflect.FullName(name)
	if d, err := m.api.Files.FindDescriptorByName(full); err == nil {
		if _, ok := d.(protoreflect.ServiceDescriptor); ok {
			return nil // generated beside its messages
		}
		return fmt.Errorf("%s is no service", name)
	}
	file := &descriptorpb.FileDescriptorProto{Syntax: proto.String("proto3"), Name: proto.String("polywire/" + name + ".proto")}
	if p := full.Parent(); p != "" {
		file.Package = proto.String(string(p))
	}
	s := &descriptorpb.ServiceDescriptorProto{Name: proto.String(string(full.Name()))}
	needed := map[string]bool{}
	for _, op := range ops {
		in, inFile := m.message(op.Request)
		out, outFile := m.message(op.Reply)
		if in == "" || out == "" {
			continue
		}
		needed[inFile], needed[outFile] = true, true
		s.Method = append(s.Method, &descriptorpb.MethodDescriptorProto{
			Name: proto.String(op.Destination[len(name)+1:]), InputType: proto.String("." + in), OutputType: proto.String("." + out),
		})
	}
	file.Service = []*descriptorpb.ServiceDescriptorProto{s}
	file.Dependency = slices.Sorted(maps.Keys(needed))
	return m.register(file)
}

// message is the full name of what t is in Protobuf, and its file; empty for what is no message.
func (m *maker) message(t *contract.Shape) (name, file string) {
	switch {
	case t == nil:
		d := (&emptypb.Empty{}).ProtoReflect().Descriptor()
		return string(d.FullName()), d.ParentFile().Path()
	case t.Kind == "struct":
		return m.messages[t.Type], m.file
	case t.Kind == "message":
		def := m.types[t.Type]
		if def == nil {
			return "", ""
		}
		d, err := m.api.Files.FindDescriptorByName(protoreflect.FullName(def.Type))
		if err != nil {
			return "", "" // a description of before there were files
		}
		return def.Type, d.ParentFile().Path()
	}
	return "", ""
}

func (m *maker) register(file *descriptorpb.FileDescriptorProto) error {
	made, err := protodesc.NewFile(file, resolver{m.api.Files})
	if err != nil {
		return err
	}
	return m.api.Files.RegisterFile(made)
}

// A resolver finds files of an API, then those that are linked into the program.
type resolver struct{ own *protoregistry.Files }

func (r resolver) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	if f, err := r.own.FindFileByPath(path); err == nil {
		return f, nil
	}
	return protoregistry.GlobalFiles.FindFileByPath(path)
}

func (r resolver) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if d, err := r.own.FindDescriptorByName(name); err == nil {
		return d, nil
	}
	return protoregistry.GlobalFiles.FindDescriptorByName(name)
}
