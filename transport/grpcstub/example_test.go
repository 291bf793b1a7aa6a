package grpcstub_test

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/grpcstub"
)

// A service of grpc-go, and its generated client, in process: any other URL
// carries them as well.
func Example() {
	ctx := context.Background()
	conn, err := transport.NewRegistry(inproc.Factory()).Open(ctx, "inproc://")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()

	server, err := grpcstub.NewServer(conn)
	if err != nil {
		fmt.Println(err)
		return
	}
	impl := health.NewServer()
	impl.SetServingStatus("shop", grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(server, impl)
	if err := server.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}

	client, err := grpcstub.NewClient(conn)
	if err != nil {
		fmt.Println(err)
		return
	}
	stub := grpc_health_v1.NewHealthClient(client)
	reply, err := stub.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "shop"})
	fmt.Println(reply.GetStatus(), err)
	_, err = stub.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "bank"})
	fmt.Println(status.Code(err), "-", status.Convert(err).Message())
	_, err = stub.Watch(ctx, &grpc_health_v1.HealthCheckRequest{Service: "shop"})
	fmt.Println(status.Code(err))
	// Output:
	// SERVING <nil>
	// NotFound - unknown service
	// Unimplemented
}

// Interceptors of gRPC stay as they are.
func ExampleNewServer() {
	ctx := context.Background()
	conn, err := transport.NewRegistry(inproc.Factory()).Open(ctx, "inproc://")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	guard := func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if in, ok := req.(*grpc_health_v1.HealthCheckRequest); ok && in.Service == "" {
			return nil, status.Errorf(codes.InvalidArgument, "%s: which service?", info.FullMethod)
		}
		return handler(ctx, req)
	}
	server, err := grpcstub.NewServer(conn, grpcstub.WithServerInterceptor(guard), grpcstub.WithBind(transport.WithConcurrency(16)))
	if err != nil {
		fmt.Println(err)
		return
	}
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	if err := server.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	client, err := grpcstub.NewClient(conn)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = grpc_health_v1.NewHealthClient(client).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	fmt.Println(err)
	// Output: rpc error: code = InvalidArgument desc = /grpc.health.v1.Health/Check: which service?
}

// One message in JSON, as a program that knows no gRPC would send it.
func ExampleNewClient() {
	ctx := context.Background()
	conn, err := transport.NewRegistry(inproc.Factory()).Open(ctx, "inproc://")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	_, err = conn.Handle(ctx, "grpc.health.v1.Health.Check", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		fmt.Println(m.ContentType, strings.ReplaceAll(string(m.Body), " ", ""))
		return &transport.Message{ContentType: "application/json", Body: []byte(`{"status":"SERVING"}`)}, nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	log := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		fmt.Println("calling", method)
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	client, err := grpcstub.NewClient(conn, grpcstub.WithCodec(jsoncodec.New()),
		grpcstub.WithClientInterceptor(log), grpcstub.WithCallOptions(grpc.WaitForReady(true)))
	if err != nil {
		fmt.Println(err)
		return
	}
	reply, err := grpc_health_v1.NewHealthClient(client).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "shop"})
	fmt.Println(reply.GetStatus(), err)
	// Output:
	// calling /grpc.health.v1.Health/Check
	// application/json {"service":"shop"}
	// SERVING <nil>
}
