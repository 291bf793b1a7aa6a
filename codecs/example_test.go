package codecs_test

import (
	"fmt"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/jsoncodec"
)

func ExampleRegistry() {
	reg, err := codecs.NewRegistry(jsoncodec.New())
	if err != nil {
		fmt.Println(err)
		return
	}
	codec, err := reg.ByContentType("application/json; charset=utf-8")
	fmt.Println(codec.Name(), err)

	_, err = reg.ByName("jsn")
	fmt.Println(err)
	// Output:
	// json <nil>
	// codecs: unknown codec "jsn" (known: json); did you mean "json"?
}

func ExampleRegistry_Accept() {
	reg, err := codecs.NewRegistry(jsoncodec.New())
	if err != nil {
		fmt.Println(err)
		return
	}
	codec, ok := reg.Accept("application/cbor, application/*;q=0.5")
	fmt.Println(codec.Name(), ok)
	// Output: json true
}
