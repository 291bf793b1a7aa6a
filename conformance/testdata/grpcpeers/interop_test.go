package grpcpeers

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/polywire/polywire/adapters/grpcwire"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/grpcstub"
)

// A failing case of the suite ends its process, so each has one: this test binary
// again, with these variables.
const (
	caseEnv   = "GRPCPEERS_CASE"
	targetEnv = "GRPCPEERS_TARGET"
	clientEnv = "GRPCPEERS_CLIENT" // theirs or ours
)

const patience = 30 * time.Second

func TestMain(m *testing.M) {
	if name := os.Getenv(caseEnv); name != "" {
		if err := play(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// cases are those of the suite that need no cloud.
func cases() map[string]func(ctx context.Context, c *interopClient) {
	return map[string]func(ctx context.Context, c *interopClient){
		"empty_unary":                 func(ctx context.Context, c *interopClient) { interop.DoEmptyUnaryCall(ctx, c) },
		"large_unary":                 func(ctx context.Context, c *interopClient) { interop.DoLargeUnaryCall(ctx, c) },
		"client_streaming":            func(ctx context.Context, c *interopClient) { interop.DoClientStreaming(ctx, c) },
		"server_streaming":            func(ctx context.Context, c *interopClient) { interop.DoServerStreaming(ctx, c) },
		"ping_pong":                   func(ctx context.Context, c *interopClient) { interop.DoPingPong(ctx, c) },
		"empty_stream":                func(ctx context.Context, c *interopClient) { interop.DoEmptyStream(ctx, c) },
		"timeout_on_sleeping_server":  func(ctx context.Context, c *interopClient) { interop.DoTimeoutOnSleepingServer(ctx, c) },
		"cancel_after_begin":          func(ctx context.Context, c *interopClient) { interop.DoCancelAfterBegin(ctx, c) },
		"cancel_after_first_response": func(ctx context.Context, c *interopClient) { interop.DoCancelAfterFirstResponse(ctx, c) },
		"status_code_and_message":     func(ctx context.Context, c *interopClient) { interop.DoStatusCodeAndMessage(ctx, c) },
		"special_status_message":      func(ctx context.Context, c *interopClient) { interop.DoSpecialStatusMessage(ctx, c) },
		"custom_metadata":             func(ctx context.Context, c *interopClient) { interop.DoCustomMetadata(ctx, c) },
		"unimplemented_method":        func(ctx context.Context, c *interopClient) { interop.DoUnimplementedMethod(ctx, c.native) },
		"unimplemented_service": func(ctx context.Context, c *interopClient) {
			interop.DoUnimplementedService(ctx, testgrpc.NewUnimplementedServiceClient(c.unary))
		},
	}
}

// An interopClient calls the unary methods through one client and streams through grpc-go's.
type interopClient struct {
	testgrpc.TestServiceClient // streams
	native                     *grpc.ClientConn
	unary                      grpc.ClientConnInterface
}

func (c *interopClient) EmptyCall(ctx context.Context, in *testpb.Empty, opts ...grpc.CallOption) (*testpb.Empty, error) {
	return testgrpc.NewTestServiceClient(c.unary).EmptyCall(ctx, in, opts...)
}

func (c *interopClient) UnaryCall(ctx context.Context, in *testpb.SimpleRequest, opts ...grpc.CallOption) (*testpb.SimpleResponse, error) {
	return testgrpc.NewTestServiceClient(c.unary).UnaryCall(ctx, in, opts...)
}

// play runs one case in this process.
func play(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	target := os.Getenv(targetEnv)
	native, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer native.Close()
	c := &interopClient{testgrpc.NewTestServiceClient(native), native, native}
	if os.Getenv(clientEnv) == "ours" {
		conn, err := transport.NewRegistry(grpcwire.Factory()).Open(ctx, "grpc://"+target)
		if err != nil {
			return err
		}
		defer conn.Close()
		if c.unary, err = grpcstub.NewClient(conn); err != nil {
			return err
		}
	}
	run := cases()[name]
	if run == nil {
		return fmt.Errorf("unknown case %q", name)
	}
	run(ctx, c)
	return nil
}

// against runs cases as processes, each against target.
func against(t *testing.T, target, client string, names []string) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), caseEnv+"="+name, targetEnv+"="+target, clientEnv+"="+client)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestInteropClientOfGrpcGoAgainstOurs: the unary methods are destinations, served by stubs over
// our node; the streams that some cases need too are served beside them.
func TestInteropClientOfGrpcGoAgainstOurs(t *testing.T) {
	t.Logf("google.golang.org/grpc %s", grpc.Version)
	impl := interop.NewTestServer()
	streams := grpcwire.WithStreams(func(s grpc.ServiceRegistrar) { testgrpc.RegisterTestServiceServer(s, impl) })
	conn := open(t, "grpc://?listen=127.0.0.1:0", grpcwire.Factory(streams))
	serve(t, conn, func(s grpc.ServiceRegistrar) { testgrpc.RegisterTestServiceServer(s, impl) })
	var names []string
	for name := range cases() {
		names = append(names, name)
	}
	t.Run("case", func(t *testing.T) { against(t, conn.Addr(), "theirs", names) })
}

// TestOurClientAgainstTheInteropServerOfGrpcGo runs all cases with unary calls through a stub over our adapter.
func TestOurClientAgainstTheInteropServerOfGrpcGo(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	testgrpc.RegisterTestServiceServer(s, interop.NewTestServer())
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }() // ends with Stop
	t.Cleanup(func() {
		s.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	t.Run("case", func(t *testing.T) {
		against(t, l.Addr().String(), "ours", []string{
			"empty_unary", "large_unary", "status_code_and_message", "special_status_message", "custom_metadata", "unimplemented_service",
		})
	})
}

func open(t *testing.T, url string, f transport.Factory) *transport.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := transport.NewRegistry(f).Open(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// serve puts services of generated code in effect on conn.
func serve(t *testing.T, conn *transport.Conn, register func(s grpc.ServiceRegistrar)) {
	t.Helper()
	s, err := grpcstub.NewServer(conn)
	if err != nil {
		t.Fatal(err)
	}
	register(s)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}
