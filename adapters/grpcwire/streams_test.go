package grpcwire

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/polywire/polywire/internal/testpb/accountspb"
	"github.com/polywire/polywire/transport"
)

// watched is a service whose Watch streams.
type watched struct {
	accountspb.UnimplementedAccountsServer
	ended chan error // of the ctx of "wait", written by its handler
}

func (w *watched) Watch(in *accountspb.VerifyRequest, s grpc.ServerStreamingServer[accountspb.Account]) error {
	if in.GetId() == "wait" {
		<-s.Context().Done()
		w.ended <- s.Context().Err()
		return s.Context().Err()
	}
	for _, name := range []string{"Ada", "Grace"} {
		if err := s.Send(&accountspb.Account{Id: in.GetId(), Name: name}); err != nil {
			return err
		}
	}
	return status.Error(codes.OutOfRange, "no more")
}

func TestStreamsOfGeneratedServicesAreServedBesideDestinations(t *testing.T) {
	w := &watched{ended: make(chan error, 1)}
	f := Factory(WithStreams(func(s grpc.ServiceRegistrar) { accountspb.RegisterAccountsServer(s, w) }))
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	defer cancel()
	node, err := transport.NewRegistry(f).Open(ctx, "grpc://?listen=127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	handle(t, node, "acme.accounts.v1.Accounts.Verify", echo)
	cc, err := grpc.NewClient(node.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer cc.Close()
	stub := accountspb.NewAccountsClient(cc)

	if got, err := stub.Verify(ctx, &accountspb.VerifyRequest{Id: "7"}); err != nil || got.GetId() != "7" {
		t.Errorf("unary: got %v, %v, want the answer of the destination's handler", got, err)
	}
	s, err := stub.Watch(ctx, &accountspb.VerifyRequest{Id: "7"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	a, err := s.Recv()
	for ; err == nil; a, err = s.Recv() {
		names = append(names, a.GetName())
	}
	if got := strings.Join(names, " "); got != "Ada Grace" || status.Code(err) != codes.OutOfRange {
		t.Errorf("stream: got %q, then %v", got, err)
	}
	waiting, err := stub.Watch(ctx, &accountspb.VerifyRequest{Id: "wait"})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(waiting.CloseSend(), node.Close()); err != nil {
		t.Error(err)
	}
	if _, err := waiting.Recv(); err == nil {
		t.Error("a stream outlived Close")
	}
}

func TestAStreamThatIgnoresItsContextDoesNotHoldUpClose(t *testing.T) {
	entered, let, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
	stubborn := func(s grpc.ServiceRegistrar) {
		s.RegisterService(&grpc.ServiceDesc{ServiceName: "acme.v1.Stubborn", Streams: []grpc.StreamDesc{{
			StreamName: "Stay", ServerStreams: true,
			Handler: func(any, grpc.ServerStream) error {
				defer close(left)
				close(entered)
				<-let
				return nil
			},
		}}}, nil)
	}
	node, err := transport.NewRegistry(Factory(WithStreams(stubborn))).Open(t.Context(), "grpc://?listen=127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, node.Addr()).NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, "/acme.v1.Stubborn/Stay"); err != nil {
		t.Fatal(err)
	}
	<-entered
	closed := make(chan error, 1)
	go func() { closed <- node.Close() }()
	select {
	case err := <-closed:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v, want that a stream is left", err)
		}
	case <-time.After(testTime):
		t.Error("Close waits for a stream that does not end")
	}
	close(let)
	<-left
}

func TestAServiceThatCannotBeServedFailsOpen(t *testing.T) {
	twice := func(s grpc.ServiceRegistrar) {
		accountspb.RegisterAccountsServer(s, &watched{})
		accountspb.RegisterAccountsServer(s, &watched{})
	}
	own := func(s grpc.ServiceRegistrar) {
		s.RegisterService(&grpc.ServiceDesc{ServiceName: busService, Streams: []grpc.StreamDesc{{StreamName: "Subscribe"}}}, nil)
	}
	for _, register := range []func(grpc.ServiceRegistrar){twice, own} {
		_, err := transport.NewRegistry(Factory(WithStreams(register))).Open(t.Context(), "grpc://?listen=127.0.0.1:0")
		if !errors.Is(err, transport.CodeInvalidArgument) || !strings.Contains(err.Error(), "is served already") {
			t.Errorf("got %v, want InvalidArgument that names the service", err)
		}
	}
}
