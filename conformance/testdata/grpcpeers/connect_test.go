package grpcpeers

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/polywire/polywire/adapters/grpcwire"
	"github.com/polywire/polywire/internal/testpb/accountspb"
	"github.com/polywire/polywire/transport/grpcstub"
)

// accounts is written for grpc-go.
type accounts struct {
	accountspb.UnimplementedAccountsServer
	left chan struct{} // written when the ctx of "wait" ended
}

func (a *accounts) Verify(ctx context.Context, in *accountspb.VerifyRequest) (*accountspb.Account, error) {
	if in.GetId() == "wait" {
		<-ctx.Done()
		a.left <- struct{}{}
		return nil, ctx.Err()
	}
	if in.GetCode() != 0 {
		s, err := status.New(codes.Code(in.GetCode()), in.GetMessage()).WithDetails(&errdetails.ErrorInfo{Reason: "ASKED_FOR", Domain: "acme"})
		if err != nil {
			return nil, err
		}
		return nil, s.Err()
	}
	md, _ := metadata.FromIncomingContext(ctx)
	if err := errors.Join(grpc.SetHeader(ctx, metadata.Pairs("x-head", "1")), grpc.SetTrailer(ctx, metadata.Pairs("x-tail", "2"))); err != nil {
		return nil, err
	}
	name := ""
	if v := md.Get("x-name"); len(v) > 0 {
		name = v[0]
	}
	return &accountspb.Account{Id: in.GetId(), Name: name, Payload: in.GetPayload()}, nil
}

// h2c speaks HTTP/2 without TLS.
func h2c(t *testing.T) *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestConnectClientsByGRPCAgainstOurs calls by the gRPC protocol of connect-go, over h2c, handlers that grpc-go's stubs registered.
func TestConnectClientsByGRPCAgainstOurs(t *testing.T) {
	t.Logf("connectrpc.com/connect %s", connect.Version)
	impl := &accounts{left: make(chan struct{}, 1)}
	node := open(t, "grpc://?listen=127.0.0.1:0", grpcwire.Factory())
	serve(t, node, func(s grpc.ServiceRegistrar) { accountspb.RegisterAccountsServer(s, impl) })
	client := connect.NewClient[accountspb.VerifyRequest, accountspb.Account](h2c(t), "http://"+node.Addr()+accountspb.Accounts_Verify_FullMethodName, connect.WithGRPC())

	req := connect.NewRequest(&accountspb.VerifyRequest{Id: "7", Payload: []byte("abc")})
	req.Header().Set("x-name", "Ada")
	reply, err := client.CallUnary(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if m := reply.Msg; m.GetId() != "7" || m.GetName() != "Ada" || string(m.GetPayload()) != "abc" || reply.Header().Get("x-head") != "1" || reply.Trailer().Get("x-tail") != "2" {
		t.Errorf("got %v with header %v and trailer %v", m, reply.Header(), reply.Trailer())
	}
	for code := connect.CodeCanceled; code <= connect.CodeUnauthenticated; code++ {
		_, err := client.CallUnary(t.Context(), connect.NewRequest(&accountspb.VerifyRequest{Code: int32(code), Message: "no % ü"}))
		var e *connect.Error
		if !errors.As(err, &e) || e.Code() != code || e.Message() != "no % ü" || len(e.Details()) != 1 || e.Details()[0].Type() != "google.rpc.ErrorInfo" {
			t.Errorf("%v: got %v", code, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := client.CallUnary(ctx, connect.NewRequest(&accountspb.VerifyRequest{Id: "wait"})); connect.CodeOf(err) != connect.CodeDeadlineExceeded {
		t.Errorf("got %v, want deadline_exceeded", err)
	}
	<-impl.left
	nobody := connect.NewClient[accountspb.VerifyRequest, accountspb.Account](h2c(t), "http://"+node.Addr()+"/acme.accounts.v1.Accounts/Close", connect.WithGRPC())
	if _, err := nobody.CallUnary(t.Context(), connect.NewRequest(&accountspb.VerifyRequest{})); connect.CodeOf(err) != connect.CodeUnimplemented {
		t.Errorf("got %v, want unimplemented", err)
	}
}

// TestOurStubsAgainstAServerOfConnect calls a handler of connect-go through grpc-go's stubs over our adapter.
func TestOurStubsAgainstAServerOfConnect(t *testing.T) {
	verify := func(_ context.Context, req *connect.Request[accountspb.VerifyRequest]) (*connect.Response[accountspb.Account], error) {
		if code := req.Msg.GetCode(); code != 0 {
			e := connect.NewError(connect.Code(code), errors.New(req.Msg.GetMessage()))
			if d, err := connect.NewErrorDetail(&errdetails.ErrorInfo{Reason: "ASKED_FOR", Domain: "acme"}); err == nil {
				e.AddDetail(d)
			}
			return nil, e
		}
		reply := connect.NewResponse(&accountspb.Account{Id: req.Msg.GetId(), Name: req.Header().Get("x-name")})
		reply.Header().Set("x-head", "1")
		reply.Trailer().Set("x-tail", "2")
		return reply, nil
	}
	mux := http.NewServeMux()
	mux.Handle(accountspb.Accounts_Verify_FullMethodName, connect.NewUnaryHandler(accountspb.Accounts_Verify_FullMethodName, verify))
	server := httptest.NewUnstartedServer(mux)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)

	client, err := grpcstub.NewClient(open(t, "grpc://"+server.Listener.Addr().String(), grpcwire.Factory()))
	if err != nil {
		t.Fatal(err)
	}
	stub := accountspb.NewAccountsClient(client)
	var header, trailer metadata.MD
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-name", "Ada")
	reply, err := stub.Verify(ctx, &accountspb.VerifyRequest{Id: "7"}, grpc.Header(&header), grpc.Trailer(&trailer))
	if err != nil {
		t.Fatal(err)
	}
	if reply.GetId() != "7" || reply.GetName() != "Ada" || len(header.Get("x-head")) != 1 || len(trailer.Get("x-tail")) != 1 {
		t.Errorf("got %v with header %v and trailer %v", reply, header, trailer)
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		_, err := stub.Verify(t.Context(), &accountspb.VerifyRequest{Code: int32(code), Message: "no % ü"})
		if s := status.Convert(err); s.Code() != code || s.Message() != "no % ü" || len(s.Details()) != 1 {
			t.Errorf("%v: got %v", code, err)
		}
	}
	if _, err := stub.Audit(t.Context(), &accountspb.VerifyRequest{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("got %v, want Unimplemented", err)
	}
}
