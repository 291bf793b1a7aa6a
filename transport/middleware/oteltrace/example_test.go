package oteltrace_test

import (
	"context"
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/middleware/oteltrace"
)

func Example() {
	ctx := context.Background()
	exporter := tracetest.NewInMemoryExporter() // in a service: otlptracegrpc, say
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	tracing, err := oteltrace.New(oteltrace.WithTracerProvider(provider))
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := transport.NewRegistry(inproc.Factory()).Open(ctx, "inproc://", tracing.Options()...)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	if _, err := c.Handle(ctx, "account.verify", echo); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := c.Request(ctx, &transport.Message{Destination: "account.verify"}); err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range exporter.GetSpans() {
		fmt.Println(s.SpanKind, s.Name, s.Parent.IsValid())
	}
	// Output:
	// server account.verify true
	// client account.verify false
}
