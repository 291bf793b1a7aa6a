package all_test

import (
	"errors"
	"fmt"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/all"
)

func ExampleRegistry() {
	reg, err := all.Registry()
	if err != nil {
		fmt.Println(err)
		return
	}
	codec, err := reg.ByContentType("application/json")
	fmt.Println(codec.Name(), err)
	// Output: json <nil>
}

func ExampleCodecs() {
	for _, c := range all.Codecs() {
		fmt.Println(c.Name(), c.ContentType())
	}
	// Output:
	// avro application/avro
	// json application/json
	// msgpack application/vnd.msgpack
	// protobuf application/protobuf
	// xml application/xml
}

func ExampleMakers() {
	for _, m := range all.Makers() {
		codec := m.New(codecs.Limits{MaxBytes: 8})
		_, err := codec.Append(nil, "more than eight bytes")
		fmt.Println(m.Name, errors.Is(err, codecs.ErrLimit))
	}
	// Output:
	// avro true
	// json true
	// msgpack true
	// protobuf true
	// xml true
}
