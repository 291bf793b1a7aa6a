package protocodec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Source returns the text of a .proto file that protoc compiles to what
// [Codec.Descriptor] has returned for a plain type. It fails for files that say more
// than such a one does, as those of generated messages: they have a text already.
func Source(file *descriptorpb.FileDescriptorProto) (string, error) {
	known := &descriptorpb.FileDescriptorProto{
		Name: file.Name, Package: file.Package, Syntax: file.Syntax, Dependency: file.Dependency, MessageType: file.MessageType,
	}
	if file.GetSyntax() != "proto3" || !proto.Equal(file, known) {
		return "", errors.New("protobuf: this file is not of a plain type; use the .proto that it was made of")
	}
	var b strings.Builder
	b.WriteString("syntax = \"proto3\";\n\n")
	if file.GetPackage() != "" {
		fmt.Fprintf(&b, "package %s;\n\n", file.GetPackage())
	}
	for _, dependency := range file.GetDependency() {
		fmt.Fprintf(&b, "import %q;\n\n", dependency)
	}
	for i, m := range file.GetMessageType() {
		if i > 0 {
			b.WriteString("\n")
		}
		if err := sourceMessage(&b, m); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func sourceMessage(b *strings.Builder, m *descriptorpb.DescriptorProto) error {
	fmt.Fprintf(b, "message %s {\n", m.GetName())
	entries := make(map[string]*descriptorpb.DescriptorProto)
	for _, nested := range m.GetNestedType() {
		if !nested.GetOptions().GetMapEntry() {
			return fmt.Errorf("protobuf: the message %s is nested in another, as none of a plain type is", nested.GetName())
		}
		entries[nested.GetName()] = nested
	}
	for _, f := range m.GetField() {
		kind := sourceType(f)
		switch entry := entries[f.GetTypeName()[strings.LastIndexByte(f.GetTypeName(), '.')+1:]]; {
		case entry != nil:
			kind = fmt.Sprintf("map<%s, %s>", sourceType(entry.GetField()[0]), sourceType(entry.GetField()[1]))
		case f.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_REPEATED:
			kind = "repeated " + kind
		case f.GetProto3Optional():
			kind = "optional " + kind
		}
		fmt.Fprintf(b, "  %s %s = %d", kind, f.GetName(), f.GetNumber())
		if f.GetJsonName() != jsonName(f.GetName()) {
			fmt.Fprintf(b, " [json_name = %s]", strconv.Quote(f.GetJsonName()))
		}
		b.WriteString(";\n")
	}
	b.WriteString("}\n")
	return nil
}

// sourceType returns the type of a field as .proto spells it.
func sourceType(f *descriptorpb.FieldDescriptorProto) string {
	if f.GetTypeName() != "" {
		return f.GetTypeName()
	}
	return strings.ToLower(strings.TrimPrefix(f.GetType().String(), "TYPE_"))
}

// jsonName returns the JSON name that protoc gives a field which says none.
func jsonName(name string) string {
	var b strings.Builder
	upper := false
	for _, r := range name {
		switch {
		case r == '_':
			upper = true
			continue
		case upper && r >= 'a' && r <= 'z':
			r += 'A' - 'a'
		}
		upper = false
		b.WriteRune(r)
	}
	return b.String()
}
