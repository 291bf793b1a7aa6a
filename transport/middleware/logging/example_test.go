package logging_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/middleware/logging"
)

func ExampleNew() {
	ctx := context.Background()
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { // what differs in each run
			if a.Key == "time" || a.Key == "took" || a.Key == "id" {
				return slog.Attr{}
			}
			return a
		},
	}))
	lines := logging.New(logger, logging.WithLevel(slog.LevelInfo))
	c, err := transport.NewRegistry(inproc.Factory()).Open(ctx, "inproc://", transport.WithOutbound(lines.Outbound))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	_ = c.Publish(ctx, &transport.Message{Destination: "news", Body: []byte("all is well")})
	// Output: level=INFO msg=call op=publish destination=news transport=inproc sent=11
}
