package compress_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/middleware/compress"
)

func Example() {
	small, err := compress.New(compress.WithAlgorithm("gzip"), compress.WithThreshold(512))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	c, err := transport.NewRegistry(inproc.Factory()).Open(ctx, "inproc://", small.Options()...)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	_, err = c.Handle(ctx, "report", func(context.Context, *transport.Message) (*transport.Message, error) {
		return &transport.Message{Body: []byte(strings.Repeat("all is well. ", 1000))}, nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	reply, err := c.Request(ctx, &transport.Message{Destination: "report"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(reply.Body), "bytes")
	// Output: 13000 bytes
}

func ExampleConfigure() {
	in, out, err := compress.Configure("zstd", 1<<10, true) // what config.Options.Compress calls
	fmt.Println(in != nil, out != nil, err)
	_, _, err = compress.Configure("brotli", 0, false)
	fmt.Println(err)
	// Output:
	// true true <nil>
	// unknown algorithm "brotli" (known: zstd, gzip)
}
