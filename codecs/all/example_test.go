package all_test

import (
	"fmt"

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
	// json application/json
	// msgpack application/vnd.msgpack
	// protobuf application/protobuf
}
