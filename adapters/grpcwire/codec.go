package grpcwire

import (
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// A payload is one message of gRPC as it travels: bytes that nobody here looks into.
type payload struct {
	data []byte

	// Of one to be sent: data stays as it is, so that it is not copied.
	owned bool
	one   [1]mem.Buffer // what is sent, or of one that is received and borrowed: what holds data

	// Of one to be received: data is to lie where it came, until free is called.
	borrow bool
}

func (p *payload) free() {
	if p.one[0] != nil {
		p.one[0].Free()
	}
	p.one[0], p.data = nil, nil
}

// A nothing is received where no message is to come: who sends one is refused.
type nothing struct{}

// A passThrough is the codec of what this package serves, and of its streams. It also
// writes and reads generated messages, which health and reflection are made of.
type passThrough struct{}

// Name is the content-subtype of calls that say none.
func (passThrough) Name() string { return subtypeProto }

func (passThrough) Marshal(v any) (mem.BufferSlice, error) {
	switch v := v.(type) {
	case *payload:
		if !v.owned {
			return mem.BufferSlice{mem.Copy(v.data, mem.DefaultBufferPool())}, nil
		}
		if v.one[0] == nil { // else sent before, and maybe still read
			v.one[0] = mem.SliceBuffer(v.data)
		}
		return v.one[:], nil
	case proto.Message:
		b, err := proto.Marshal(v)
		return mem.BufferSlice{mem.SliceBuffer(b)}, err
	}
	return nil, fmt.Errorf("grpcwire: cannot write a %T", v)
}

func (passThrough) Unmarshal(data mem.BufferSlice, v any) error {
	switch v := v.(type) {
	case *payload:
		if v.borrow && len(data) == 1 {
			data.Ref()
			v.one[0], v.data = data[0], data[0].ReadOnlyData()
			return nil
		}
		v.data = data.Materialize()
		return nil
	case nothing:
		return nil
	case proto.Message:
		return proto.Unmarshal(data.Materialize(), v)
	}
	return fmt.Errorf("grpcwire: cannot read a %T", v)
}
