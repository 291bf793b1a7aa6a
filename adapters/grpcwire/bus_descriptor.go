package grpcwire

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// busMessages are those of proto/polywire/v1/bus.proto, for reflection: the number of a field is its place.
// A * is for repeated.
var busMessages = [...]string{
	"Message destination:string content_type:string body:bytes field:*Field error:Status",
	"Field key:string value:string",
	"Status code:int32 message:string details:*Any retry_after_us:uint64 no_handler:bool",
	"Any type_url:string value:bytes",
	"Answers message:*Message end:uint32",
	"Attaching open:Open accept:*uint64 release:*uint64 silent:*uint64 answer:*Answer stop:bool",
	"Open pattern:string group:string handle:bool credit:uint32",
	"Answer number:uint64 message:Message",
	"Delivering delivery:*Delivery cancel:*uint64",
	"Delivery number:uint64 message:Message reply:bool gather:bool",
}

var busMethods = [...]string{
	"Send Message Message", "Publish Message Message", "Request Message Message",
	"Gather Message *Answers", "Attach *Attaching *Delivering", "Link Message *Message",
}

var busScalars = map[string]descriptorpb.FieldDescriptorProto_Type{
	"string": descriptorpb.FieldDescriptorProto_TYPE_STRING, "bytes": descriptorpb.FieldDescriptorProto_TYPE_BYTES,
	"bool": descriptorpb.FieldDescriptorProto_TYPE_BOOL, "int32": descriptorpb.FieldDescriptorProto_TYPE_INT32,
	"uint32": descriptorpb.FieldDescriptorProto_TYPE_UINT32, "uint64": descriptorpb.FieldDescriptorProto_TYPE_UINT64,
}

// busDescriptor is the file proto/polywire/v1/bus.proto.
func busDescriptor() *descriptorpb.FileDescriptorProto {
	f := &descriptorpb.FileDescriptorProto{
		Name: proto.String("polywire/v1/bus.proto"), Package: proto.String("polywire.v1"), Syntax: proto.String("proto3"),
	}
	for _, line := range busMessages {
		words := strings.Fields(line)
		m := &descriptorpb.DescriptorProto{Name: proto.String(words[0])}
		for i, w := range words[1:] {
			m.Field = append(m.Field, busField(w, int32(i+1))) //nolint:gosec // a few
		}
		f.MessageType = append(f.MessageType, m)
	}
	s := &descriptorpb.ServiceDescriptorProto{Name: proto.String("Bus")}
	for _, line := range busMethods {
		words := strings.Fields(line)
		in, client := strings.CutPrefix(words[1], "*")
		out, server := strings.CutPrefix(words[2], "*")
		m := &descriptorpb.MethodDescriptorProto{Name: proto.String(words[0]), InputType: proto.String(".polywire.v1." + in), OutputType: proto.String(".polywire.v1." + out)}
		if client {
			m.ClientStreaming = proto.Bool(true)
		}
		if server {
			m.ServerStreaming = proto.Bool(true)
		}
		s.Method = append(s.Method, m)
	}
	f.Service = append(f.Service, s)
	return f
}

func busField(word string, number int32) *descriptorpb.FieldDescriptorProto {
	name, kind, _ := strings.Cut(word, ":")
	kind, repeated := strings.CutPrefix(kind, "*")
	d := &descriptorpb.FieldDescriptorProto{
		Name: proto.String(name), Number: proto.Int32(number), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
	}
	if repeated {
		d.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	}
	if t, ok := busScalars[kind]; ok {
		d.Type = t.Enum()
		return d
	}
	d.Type, d.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), proto.String(".polywire.v1."+kind)
	return d
}

func busFiles() (*protoregistry.Files, error) {
	made, err := protodesc.NewFile(busDescriptor(), nil)
	if err != nil {
		return nil, fmt.Errorf("grpcwire: descriptor of the bus: %w", err)
	}
	files := new(protoregistry.Files)
	return files, files.RegisterFile(made)
}
