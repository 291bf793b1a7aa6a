package grpcwire

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	spb "google.golang.org/genproto/googleapis/rpc/status"

	"github.com/polywire/polywire/transport"
)

// dial opens a client that knows nothing of polywire.
func dial(t testing.TB, address string) *grpc.ClientConn {
	t.Helper()
	cc, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	return cc
}

// foreign starts a server that knows nothing of polywire, and answers every call by h. It returns a client of it.
func foreign(t testing.TB, h grpc.StreamHandler) *transport.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.UnknownServiceHandler(h), grpc.WaitForHandlers(true))
	done := make(chan struct{})
	go func() { _ = s.Serve(l); close(done) }()
	t.Cleanup(func() { s.Stop(); <-done })
	return openConn(t, "grpc://"+l.Addr().String())
}

func TestAStrangersClientCallsAHandler(t *testing.T) {
	node := serve(t, "")
	var got *transport.Message
	var left time.Duration
	handle(t, node, "acme.v1.Accounts.Verify", func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		got = msg.Clone()
		due, _ := ctx.Deadline()
		left = time.Until(due)
		r := &transport.Message{Body: msg.Body}
		r.Header.Set("served-by", "7")
		r.Header.SetBinary("token-bin", []byte{0, 255})
		r.Header.Set("trailer-cost", "12")
		return r, nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "tenant", "x", "tenant", "y", "sig-bin", "\x00\x01", "correlation-id", "c1",
		"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	var header, trailer metadata.MD
	out := &wrapperspb.StringValue{}
	err := dial(t, node.Addr()).Invoke(ctx, "/acme.v1.Accounts/Verify", wrapperspb.String("Ann"), out, grpc.Header(&header), grpc.Trailer(&trailer))
	if err != nil || out.GetValue() != "Ann" {
		t.Fatalf("got %v, %v", out, err)
	}
	if got.ContentType != "application/protobuf" || got.CorrelationID != "c1" || left <= 0 || left > testTime {
		t.Errorf("the handler got content type %q, correlation id %q and %v", got.ContentType, got.CorrelationID, left)
	}
	if d := cmp.Diff([]string{"x", "y"}, got.Header.Values("tenant")); d != "" {
		t.Error(d)
	}
	if b, err := got.Header.Binary("sig-bin"); err != nil || string(b) != "\x00\x01" {
		t.Errorf("the handler got binary metadata %q, %v", b, err)
	}
	delete(header, "content-type")
	want := metadata.MD{"served-by": {"7"}, "token-bin": {"\x00\xff"}}
	if d := cmp.Diff(want, header); d != "" {
		t.Errorf("header: %s", d)
	}
	if d := cmp.Diff(metadata.MD{"cost": {"12"}}, trailer); d != "" {
		t.Errorf("trailer: %s", d)
	}
}

func TestAStrangersClientGetsStatuses(t *testing.T) {
	node := serve(t, "")
	handle(t, node, "acme.v1.Accounts.Fail", func(context.Context, *transport.Message) (*transport.Message, error) {
		e := transport.CodeResourceExhausted.Errorf("no more\nü")
		e.Details, e.RetryAfter = []transport.Detail{{Type: "type.googleapis.com/google.protobuf.StringValue", Data: []byte{10, 1, 'x'}}}, 1500*time.Millisecond
		return nil, e
	})
	cc := dial(t, node.Addr())
	for _, c := range []struct {
		method string
		want   codes.Code
	}{
		{"/acme.v1.Accounts/Fail", codes.ResourceExhausted},
		{"/acme.v1.Accounts/Nobody", codes.Unimplemented},
		{"/acme.v1/Accounts.Fail", codes.Unimplemented},
		{"/acme.v1.Accounts.Fail/", codes.Unimplemented},
		{"/acme/v1.Accounts/Fail", codes.Unimplemented},
		{"/Fail", codes.Unimplemented},
		{"//Fail", codes.Unimplemented},
		{"/acme..v1/Fail", codes.Unimplemented},
		{"/polywire.v1.Bus/Nothing", codes.Unimplemented},
	} {
		err := cc.Invoke(t.Context(), c.method, &wrapperspb.StringValue{}, &wrapperspb.StringValue{})
		if status.Code(err) != c.want {
			t.Errorf("%s: got %v, want %v", c.method, err, c.want)
		}
		if c.want != codes.ResourceExhausted {
			continue
		}
		s, _ := status.FromError(err)
		if s.Message() != "no more\nü" || len(s.Proto().GetDetails()) != 2 {
			t.Errorf("got %q with details %v", s.Message(), s.Proto().GetDetails())
		}
	}
}

func TestAServerOfStrangersIsCalled(t *testing.T) {
	var md metadata.MD
	var due bool
	client := foreign(t, func(_ any, s grpc.ServerStream) error {
		md, _ = metadata.FromIncomingContext(s.Context())
		_, due = s.Context().Deadline()
		in := &wrapperspb.StringValue{}
		if err := s.RecvMsg(in); err != nil {
			return err
		}
		_ = s.SetHeader(metadata.Pairs("served-by", "7", "token-bin", "\x00\xff"))
		s.SetTrailer(metadata.Pairs("cost", "12"))
		return s.SendMsg(wrapperspb.String("Hello, " + in.GetValue()))
	})
	msg := &transport.Message{Destination: "acme.v1.Accounts.Verify", Body: []byte{10, 3, 'A', 'n', 'n'}}
	msg.Header.Set("tenant", "x")
	reply, err := client.Request(t.Context(), msg)
	if err != nil {
		t.Fatal(err)
	}
	out := &wrapperspb.StringValue{}
	if err := (passThrough{}).Unmarshal(bufferOf(reply.Body), out); err != nil || out.GetValue() != "Hello, Ann" {
		t.Errorf("got %v, %v", out, err)
	}
	if !due || first(md, "tenant") != "x" {
		t.Errorf("the server saw deadline %t and metadata %v", due, md)
	}
	if b, err := reply.Header.Binary("token-bin"); reply.Header.Get("trailer-cost") != "12" || reply.ContentType != "application/protobuf" || err != nil || len(b) != 2 {
		t.Errorf("got header %v of type %q", reply.Header, reply.ContentType)
	}
}

func TestStatusesOfStrangersAreCodes(t *testing.T) {
	s := &spb.Status{Code: int32(codes.Aborted), Message: "again", Details: []*anypb.Any{{TypeUrl: "x/y", Value: []byte("z")}, {TypeUrl: retryInfo, Value: appendRetryInfo(nil, 2*time.Second)}}}
	client := foreign(t, func(_ any, stream grpc.ServerStream) error { return status.ErrorProto(s) })
	for code := codes.Canceled; code <= codes.Unauthenticated+1; code++ {
		s.Code = int32(code)
		_, err := client.Request(t.Context(), &transport.Message{Destination: "a.b"})
		var e *transport.Error
		if !errors.As(err, &e) || e.Code != codeOf(code) || e.Message != "again" || len(e.Details) != 2 || e.RetryAfter != 2*time.Second {
			t.Errorf("status %d: got %#v", code, err)
		}
	}
	if _, err := client.Request(t.Context(), &transport.Message{Destination: "one"}); !errors.Is(err, codeOf(codes.Code(s.GetCode()))) {
		t.Errorf("a destination without a method: got %v, want the server's answer to the bus", err)
	}
}

func TestContentTypesAreSubtypes(t *testing.T) {
	for _, c := range []struct {
		mediaType, subtype string
		exact              bool
	}{
		{"application/protobuf", "proto", true},
		{"application/json", "json", true},
		{"application/avro", "avro", true},
		{"application/vnd.msgpack", "vnd.msgpack", true},
		{"", "proto", false},
		{"application/proto", "octet-stream", false},
		{"application/msgpack", "octet-stream", false},
		{"application/JSON", "octet-stream", false},
		{"application/json; charset=utf-8", "octet-stream", false},
		{"text/plain", "octet-stream", false},
	} {
		sub, exact := subtypeOf(c.mediaType)
		if sub != c.subtype || exact != c.exact || exact && typeOf(sub) != c.mediaType {
			t.Errorf("%q: got %q, %t and back %q", c.mediaType, sub, exact, typeOf(sub))
		}
	}
	for in, want := range map[string]string{"application/grpc": "", "application/grpc+JSON": "json", "application/grpc;proto": "proto", "application/grpcx": ""} {
		if got := subtypeIn(in); got != want {
			t.Errorf("subtype of %q: got %q, want %q", in, got, want)
		}
	}
}

func TestMethodsAndDestinationsAreOneToOne(t *testing.T) {
	for _, d := range []string{"acme.accounts.v1.Accounts.Verify", "account.verify", "a-b.c_d"} {
		back, err := destinationOf(methodOf(d))
		if err != nil || back != d {
			t.Errorf("%q is %q, and back %q, %v", d, methodOf(d), back, err)
		}
	}
	for _, d := range []string{"one", "polywire.v1.Bus.Send"} {
		if m := methodOf(d); m != "" {
			t.Errorf("%q got the method %q, want none", d, m)
		}
	}
}

func TestMetadataOfTheCallersContextDoesNotCross(t *testing.T) {
	node := serve(t, "")
	handle(t, node, "a.b", echo)
	ctx := metadata.NewOutgoingContext(t.Context(), metadata.Pairs("secret", "ü"))
	reply, err := clientOf(t, node).Request(ctx, &transport.Message{Destination: "a.b"})
	if err != nil || reply.Header.Has("secret") {
		t.Errorf("got %v, %v, want an answer without that field", reply, err)
	}
}
