// Package protofiles carries the descriptors of generated messages as bytes, so that a
// program without their Go types can read and write them.
package protofiles

import (
	"errors"
	"fmt"
	"reflect"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// A Set collects the files of messages, each after those that it imports. The zero value is empty.
type Set struct {
	files descriptorpb.FileDescriptorSet
	seen  map[string]bool
}

// Add adds the file of the message *t, and returns its full name; false where *t is no message.
func (s *Set) Add(t reflect.Type) (name string, ok bool) {
	m, ok := reflect.New(t).Interface().(proto.Message)
	if !ok {
		return "", false
	}
	d := m.ProtoReflect().Descriptor()
	s.add(d.ParentFile())
	return string(d.FullName()), true
}

func (s *Set) add(f protoreflect.FileDescriptor) {
	if s.seen[f.Path()] || f.IsPlaceholder() {
		return
	}
	if s.seen == nil {
		s.seen = make(map[string]bool)
	}
	s.seen[f.Path()] = true
	for i := range f.Imports().Len() {
		s.add(f.Imports().Get(i).FileDescriptor)
	}
	s.files.File = append(s.files.File, protodesc.ToFileDescriptorProto(f))
}

// Bytes is a google.protobuf.FileDescriptorSet, the same for the same files; nil for none.
func (s *Set) Bytes() ([]byte, error) {
	if len(s.files.File) == 0 {
		return nil, nil
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(&s.files)
}

// Files are those of a Set, or of a stranger who says that they are.
type Files struct{ files *protoregistry.Files }

// Parse reads what Bytes returns.
func Parse(b []byte) (*Files, error) {
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(b, &set); err != nil {
		return nil, errors.New("this is no set of file descriptors")
	}
	files, err := protodesc.FileOptions{AllowUnresolvable: true}.NewFiles(&set)
	if err != nil {
		return nil, fmt.Errorf("file descriptors that do not fit together: %w", err)
	}
	return &Files{files}, nil
}

// Registry holds the files, with what they describe. The caller may add to it.
func (f *Files) Registry() *protoregistry.Files { return f.files }

// New returns an empty message of that full name, which every codec of this module takes
// as it takes a generated one. An error tells that the files have none.
func (f *Files) New(name string) (proto.Message, error) {
	d, err := f.files.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return nil, fmt.Errorf("no file describes the message %.128q", name)
	}
	m, ok := d.(protoreflect.MessageDescriptor)
	if !ok {
		return nil, fmt.Errorf("%.128q is no message", name)
	}
	return dynamicpb.NewMessage(m), nil
}
