package grpcwire

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/polywire/polywire/transport"
)

// BenchmarkRequest measures a request of 128 bytes with two fields of the application, beside what grpc-go alone takes for as much.
func BenchmarkRequest(b *testing.B) {
	b.Run("polywire", func(b *testing.B) {
		node := serve(b, "")
		handle(b, node, "bench.v1.Echo.Call", echo)
		client := clientOf(b, node)
		msg := &transport.Message{Destination: "bench.v1.Echo.Call", ContentType: "application/protobuf", Body: make([]byte, 128)}
		msg.Header.Set("tenant", "acme")
		msg.Header.Set("user", "ann")
		ctx := context.Background()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := client.Request(ctx, msg); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("grpc-go", func(b *testing.B) {
		cc, in := dial(b, rawEcho(b)), wrapperspb.Bytes(make([]byte, 124))
		b.ReportAllocs()
		for b.Loop() {
			ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(context.Background(), "tenant", "acme", "user", "ann"), testTime)
			var header metadata.MD
			err := cc.Invoke(ctx, "/bench.v1.Echo/Call", in, &wrapperspb.BytesValue{}, grpc.Header(&header))
			cancel()
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

// rawEcho starts a server of grpc-go's alone, as generated code has it, which returns what it is sent, metadata too.
func rawEcho(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := grpc.NewServer()
	s.RegisterService(&grpc.ServiceDesc{ServiceName: "bench.v1.Echo", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{{
		MethodName: "Call",
		Handler: func(_ any, ctx context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			in := &wrapperspb.BytesValue{}
			if err := dec(in); err != nil {
				return nil, err
			}
			md, _ := metadata.FromIncomingContext(ctx)
			return in, grpc.SetHeader(ctx, metadata.Pairs("tenant", md["tenant"][0], "user", md["user"][0]))
		},
	}}}, nil)
	done := make(chan struct{})
	go func() { _ = s.Serve(l); close(done) }()
	b.Cleanup(func() { s.Stop(); <-done })
	return l.Addr().String()
}
