// Command testee answers the conformance_test_runner of Protobuf through the
// codecs: Protobuf by protocodec, JSON by jsoncodec. scripts/protobuf-conformance
// builds it, beside what it generates from the runner's own .proto files.
package main

import (
	"encoding/binary"
	"errors"
	"io"
	"log"
	"os"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/codecs/protocodec"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	pb "testee/conformance"
	_ "testee/edition2023"
	_ "testee/proto2"
	_ "testee/proto2editions"
	_ "testee/proto3"
	_ "testee/proto3editions"
)

var (
	binaryCodec codecs.Codec = protocodec.New()
	jsonCodec   codecs.Codec = jsoncodec.New()
)

func main() {
	for {
		err := answer(os.Stdin, os.Stdout)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			log.Fatal(err)
		}
	}
}

// answer reads one request and writes its response, each behind its length in
// 32 bits, little-endian.
func answer(r io.Reader, w io.Writer) error {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return err
	}
	body := make([]byte, binary.LittleEndian.Uint32(size[:]))
	if _, err := io.ReadFull(r, body); err != nil {
		return err
	}
	req := new(pb.ConformanceRequest)
	if err := proto.Unmarshal(body, req); err != nil {
		return err
	}
	out, err := proto.Marshal(respond(req))
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(size[:], uint32(len(out)))
	_, err = w.Write(append(size[:], out...))
	return err
}

func skipped(why string) *pb.ConformanceResponse {
	return &pb.ConformanceResponse{Result: &pb.ConformanceResponse_Skipped{Skipped: why}}
}

func respond(req *pb.ConformanceRequest) *pb.ConformanceResponse {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(req.GetMessageType()))
	if err != nil {
		return skipped("no message " + req.GetMessageType())
	}
	m := kind.New().Interface()
	switch p := req.GetPayload().(type) {
	case *pb.ConformanceRequest_ProtobufPayload:
		err = binaryCodec.Decode(p.ProtobufPayload, m)
	case *pb.ConformanceRequest_JsonPayload:
		err = jsonCodec.Decode([]byte(p.JsonPayload), m)
	default:
		return skipped("neither Protobuf nor JSON")
	}
	if err != nil {
		return &pb.ConformanceResponse{Result: &pb.ConformanceResponse_ParseError{ParseError: err.Error()}}
	}
	return write(req.GetRequestedOutputFormat(), m)
}

func write(format pb.WireFormat, m proto.Message) *pb.ConformanceResponse {
	var out []byte
	var err error
	res := new(pb.ConformanceResponse)
	switch format {
	case pb.WireFormat_PROTOBUF:
		out, err = binaryCodec.Append(nil, m)
		res.Result = &pb.ConformanceResponse_ProtobufPayload{ProtobufPayload: out}
	case pb.WireFormat_JSON:
		out, err = jsonCodec.Append(nil, m)
		res.Result = &pb.ConformanceResponse_JsonPayload{JsonPayload: string(out)}
	default:
		return skipped("neither Protobuf nor JSON")
	}
	if err != nil {
		res.Result = &pb.ConformanceResponse_SerializeError{SerializeError: err.Error()}
	}
	return res
}
