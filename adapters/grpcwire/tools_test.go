package grpcwire

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	v1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	v1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

func TestHealthFollowsHandlers(t *testing.T) {
	node := serve(t, "")
	h := healthpb.NewHealthClient(dial(t, node.Addr()))
	check := func(service string) string {
		r, err := h.Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
		if err != nil {
			return status.Code(err).String()
		}
		return r.GetStatus().String()
	}
	if got := check(""); got != "SERVING" {
		t.Errorf("a node without handlers yet is %s, want SERVING", got)
	}
	if got := check("acme.v1.Accounts"); got != codes.NotFound.String() {
		t.Errorf("a service that nobody handles is %s, want NotFound", got)
	}
	s, err := node.Handle(t.Context(), "acme.v1.Accounts.Verify", echo)
	if err != nil {
		t.Fatal(err)
	}
	if got := check("acme.v1.Accounts"); got != "SERVING" {
		t.Errorf("a service that is handled is %s, want SERVING", got)
	}
	w, err := h.Watch(t.Context(), &healthpb.HealthCheckRequest{Service: "acme.v1.Accounts"})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := w.Recv(); err != nil || r.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("watch begins with %v, %v", r, err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, err := w.Recv(); err != nil || r.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("watch tells %v, %v once the handler is gone", r, err)
	}
	if a, b := check("acme.v1.Accounts"), check(""); a != "NOT_SERVING" || b != "NOT_SERVING" {
		t.Errorf("without its last handler the service is %s and the node %s, want NOT_SERVING", a, b)
	}
}

func TestANodeIsNotServingWhileItDrains(t *testing.T) {
	node := serve(t, "")
	entered, leave := make(chan struct{}), make(chan struct{})
	handle(t, node, "acme.v1.Accounts.Verify", func(context.Context, *transport.Message) (*transport.Message, error) {
		close(entered)
		<-leave
		return &transport.Message{}, nil
	})
	cc := dial(t, node.Addr())
	w, err := healthpb.NewHealthClient(cc).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	called := make(chan error, 1)
	go func() {
		called <- cc.Invoke(t.Context(), "/acme.v1.Accounts/Verify", &healthpb.HealthCheckRequest{}, &healthpb.HealthCheckRequest{})
	}()
	<-entered
	drained := make(chan error, 1)
	go func() { drained <- node.Drain(t.Context()) }()
	for {
		r, err := w.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if r.GetStatus() == healthpb.HealthCheckResponse_NOT_SERVING {
			break
		}
	}
	close(leave)
	if err := <-called; err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

type order struct {
	ID string `wire:",1"`
}

func TestReflectionTellsDestinationsAndTheBus(t *testing.T) {
	node := serve(t, "")
	s := contract.NewService("shop", contract.NewMethod[order, order]("acme.v1.Shop.Put"))
	handle(t, node, describe, s.ServeDescription)
	stream, err := v1.NewServerReflectionClient(dial(t, node.Addr())).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(q *v1.ServerReflectionRequest) *v1.ServerReflectionResponse {
		t.Helper()
		if err := stream.Send(q); err != nil {
			t.Fatal(err)
		}
		r, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := ask(&v1.ServerReflectionRequest{MessageRequest: &v1.ServerReflectionRequest_ListServices{}})
	var names []string
	for _, s := range r.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	want := []string{"acme.v1.Shop", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection", busService}
	if !slices.Equal(names, want) {
		t.Errorf("services %v, want %v", names, want)
	}
	for symbol, file := range map[string]string{"acme.v1.Shop": "polywire/acme.v1.Shop.proto", "polywire.v1.Message": "polywire/v1/bus.proto", "grpc.health.v1.Health": "grpc/health/v1/health.proto"} {
		r := ask(&v1.ServerReflectionRequest{MessageRequest: &v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: symbol}})
		var got []string
		for _, b := range r.GetFileDescriptorResponse().GetFileDescriptorProto() {
			f := &descriptorpb.FileDescriptorProto{}
			if err := proto.Unmarshal(b, f); err != nil {
				t.Fatal(err)
			}
			got = append(got, f.GetName())
		}
		if !slices.Contains(got, file) {
			t.Errorf("%s is in %v, want %s among them", symbol, got, file)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
}

func TestReflectionAnswersOldClients(t *testing.T) {
	node := serve(t, "")
	stream, err := v1alpha.NewServerReflectionClient(dial(t, node.Addr())).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&v1alpha.ServerReflectionRequest{MessageRequest: &v1alpha.ServerReflectionRequest_ListServices{}}); err != nil { //nolint:staticcheck // old clients ask so
		t.Fatal(err)
	}
	if r, err := stream.Recv(); err != nil || len(r.GetListServicesResponse().GetService()) == 0 { //nolint:staticcheck // as above
		t.Errorf("got %v, %v", r, err)
	}
}

func TestTheDescriptorIsThatOfTheFile(t *testing.T) {
	python := brokertest.Python(t, "grpc_tools")
	out := filepath.Join(t.TempDir(), "bus.bin")
	cmd := exec.CommandContext(t.Context(), python, "-m", "grpc_tools.protoc", "-I", "proto", "--descriptor_set_out="+out, "polywire/v1/bus.proto")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(b, set); err != nil {
		t.Fatal(err)
	}
	want := set.GetFile()[0]
	for _, m := range want.GetMessageType() {
		for _, f := range m.GetField() {
			f.JsonName = nil
		}
	}
	if got := busDescriptor(); !proto.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

var _ grpc.ServiceRegistrar = own{}
