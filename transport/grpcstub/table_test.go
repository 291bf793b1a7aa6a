package grpcstub_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	codecs "github.com/polywire/polywire/codecs/all"
	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/internal/testpb/accountspb"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/grpcstub"
)

// TestUnmodifiedStubsOverEveryTransport is the table: each row over each transport.
func TestUnmodifiedStubsOverEveryTransport(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		for _, row := range []struct {
			rule string
			test func(t *testing.T, w *world)
		}{
			{"a call brings the answer back", success},
			{"each code comes back with text and details", everyCode},
			{"metadata travels both ways, text and bytes, header and trailer", metadataBothWays},
			{"metadata of a call that fails travels back, text and bytes, header and trailer", metadataOfFailure},
			{"the handler sees the deadline, and the caller meets it", deadline},
			{"cancelling ends the call, and the handler where the transport can", cancellation},
			{"a big message passes, a bigger one is refused", bigMessage},
			{"a method that the server does not have is Unimplemented", unknownMethod},
			{"a stream is refused with the reason", stream},
			{"the peer is known by its source", knownPeer},
			{"what may run twice is declared so", declaredIdempotent},
		} {
			t.Run(row.rule, func(t *testing.T) { row.test(t, w) })
		}
	})
}

func request(id string) *accountspb.VerifyRequest {
	return &accountspb.VerifyRequest{Id: id}
}

func success(t *testing.T, w *world) {
	in := request("7")
	in.Payload = []byte{0, 255, '\n'}
	got, err := w.Verify(brokertest.Context(t), in)
	if err != nil {
		t.Fatal(err)
	}
	want := &accountspb.Account{Id: "7", Name: "Ada Lovelace", Payload: in.GetPayload()}
	if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreFields(want, "remaining_ms")); diff != "" {
		t.Error(diff)
	}
}

func everyCode(t *testing.T, w *world) {
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		in := request("7")
		in.Code = int32(code)
		in.Message = "no % ü\n" + code.String()
		in.Metadata = map[string]string{"code": code.String()}
		_, err := w.Verify(brokertest.Context(t), in)
		s, ok := status.FromError(err)
		if !ok || s.Code() != code || s.Message() != in.GetMessage() {
			t.Errorf("%v: got %v", code, err)
		}
		if !errors.Is(err, transport.Code(code)) || !errors.Is(err, s.Err()) {
			t.Errorf("%v: errors.Is finds neither the code of transport nor the status in %v", code, err)
		}
		want, _ := status.FromError(failure(in))
		if diff := cmp.Diff(want.Proto(), s.Proto(), protocmp.Transform()); diff != "" {
			t.Errorf("%v: %s", code, diff)
		}
		if len(s.Details()) != 2 {
			t.Errorf("%v: got details %v, want two that are known", code, s.Details())
		} else if info, ok := s.Details()[0].(*errdetails.ErrorInfo); !ok || info.GetMetadata()["code"] != code.String() {
			t.Errorf("%v: got detail %v", code, s.Details()[0])
		}
	}
}

func metadataBothWays(t *testing.T, w *world) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	ctx := metadata.NewOutgoingContext(brokertest.Context(t), metadata.Pairs(
		"h-a", "1", "h-a", "ü", "h-a-bin", "\x00\xff", "t-b", "2", "t-b-bin", "\n",
		"traceparent", parent, "tracestate", "a=b", "user-agent", "mine", "correlation-id", "c 7"))
	var header, trailer metadata.MD
	if _, err := w.Verify(ctx, request("metadata"), grpc.Header(&header), grpc.Trailer(&trailer)); err != nil {
		t.Fatal(err)
	}
	delete(header, "content-type") // gRPC itself has one
	if diff := cmp.Diff(metadata.MD{"h-a": {"1", "ü"}, "h-a-bin": {"\x00\xff"}, "h-last": {"1"}}, header); diff != "" {
		t.Errorf("header: %s", diff)
	}
	want := metadata.MD{"t-b": {"2"}, "t-b-bin": {"\n"}, "correlation-id": {"c 7"}, "traceparent": {parent}, "tracestate": {"a=b"}}
	for key, values := range want {
		if !slices.Equal(trailer[key], values) {
			t.Errorf("trailer %s: got %q, want %q", key, trailer[key], values)
		}
	}
}

func metadataOfFailure(t *testing.T, w *world) {
	ctx := metadata.NewOutgoingContext(brokertest.Context(t), metadata.Pairs("h-a", "1", "h-a", "ü", "h-a-bin", "\x00\xff", "t-b", "2", "t-b-bin", "\n"))
	in := request("metadata")
	in.Code, in.Message, in.Metadata = int32(codes.FailedPrecondition), "not yet", map[string]string{"why": "asked for"}
	var header, trailer metadata.MD
	_, err := w.Verify(ctx, in, grpc.Header(&header), grpc.Trailer(&trailer))
	want, _ := status.FromError(failure(in))
	if s, _ := status.FromError(err); s == nil || cmp.Diff(want.Proto(), s.Proto(), protocmp.Transform()) != "" {
		t.Errorf("got %v, want the status of the handler with its own details alone", err)
	}
	for key, values := range map[string][]string{"h-a": {"1", "ü"}, "h-a-bin": {"\x00\xff"}, "h-last": {"1"}} {
		if !slices.Equal(header[key], values) {
			t.Errorf("header %s: got %q, want %q", key, header[key], values)
		}
	}
	for key, values := range map[string][]string{"t-b": {"2"}, "t-b-bin": {"\n"}} {
		if !slices.Equal(trailer[key], values) {
			t.Errorf("trailer %s: got %q, want %q", key, trailer[key], values)
		}
	}
}

func deadline(t *testing.T, w *world) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	got, err := w.Verify(ctx, request("7"))
	if err != nil {
		t.Fatal(err)
	}
	if ms := got.GetRemainingMs(); ms <= 0 || ms > 20_000 {
		t.Errorf("the handler saw %d ms left of 20 s", ms)
	}
	short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err = w.Verify(short, request("wait"))
	if status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("got %v, want DeadlineExceeded", err)
	}
	if err := brokertest.Receive(t, w.accounts.left); err == nil {
		t.Error("the handler's ctx has no error")
	}
}

func cancellation(t *testing.T, w *world) {
	limit := 20 * time.Second
	if !w.conn.Features().CancelsRemotely {
		limit = time.Second // by when the handler must have ended, as nobody tells it
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	began := time.Now()
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err := w.Verify(ctx, request("wait"))
	if status.Code(err) != codes.Canceled {
		t.Errorf("got %v, want Canceled", err)
	}
	left := brokertest.Receive(t, w.accounts.left)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the handler's ctx ended with %v after %v: nobody told it", left, took)
	}
}

func bigMessage(t *testing.T, w *world) {
	most := 4 << 20
	if n := w.conn.Features().MaxBody; n > 0 {
		most = min(most, n)
	}
	in := request("7")
	in.Payload = bytes.Repeat([]byte("polywire"), (most-1024)/8)
	got, err := w.Verify(brokertest.Context(t), in)
	if err != nil || !bytes.Equal(got.GetPayload(), in.GetPayload()) {
		t.Errorf("%d bytes: got %v and %d bytes back", len(in.GetPayload()), err, len(got.GetPayload()))
	}
	in.Payload = make([]byte, 4<<20)
	if _, err := w.Verify(brokertest.Context(t), in); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("4 MiB of payload: got %v, want ResourceExhausted", err)
	}
	for limit, opt := range map[string]grpc.CallOption{"send": grpc.MaxCallSendMsgSize(10), "receive": grpc.MaxCallRecvMsgSize(10)} {
		in := request("more than ten bytes")
		if _, err := w.Verify(brokertest.Context(t), in, opt); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("a limit to %s: got %v, want ResourceExhausted", limit, err)
		}
	}
}

func unknownMethod(t *testing.T, w *world) {
	f := w.conn.Features()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if !f.DetectsNoHandler && !f.DetectsNoHandlerOnRequest {
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
	}
	_, err := w.Audit(ctx, request("7"))
	switch {
	case f.DetectsNoHandler || f.DetectsNoHandlerOnRequest:
		if status.Code(err) != codes.Unimplemented || !errors.Is(err, transport.ErrNoHandler) {
			t.Errorf("got %v, want Unimplemented for ErrNoHandler", err)
		}
	case status.Code(err) != codes.DeadlineExceeded:
		t.Errorf("got %v, want DeadlineExceeded where nobody can tell", err)
	}
}

func stream(t *testing.T, w *world) {
	const reason = "/acme.accounts.v1.Accounts/Watch streams, and a request carries one message each way"
	_, err := w.Watch(brokertest.Context(t), request("7"))
	if s, _ := status.FromError(err); s.Code() != codes.Unimplemented || !strings.Contains(s.Message(), reason) {
		t.Errorf("the client says %v, want Unimplemented with %q", err, reason)
	}
	_, err = w.conn.Request(brokertest.Context(t), &transport.Message{Destination: "acme.accounts.v1.Accounts.Watch"})
	if !errors.Is(err, transport.CodeUnimplemented) || !strings.Contains(err.Error(), reason) {
		t.Errorf("the server says %v, want Unimplemented with %q", err, reason)
	}
}

func knownPeer(t *testing.T, w *world) {
	var p peer.Peer
	if _, err := w.Verify(brokertest.Context(t), request("7"), grpc.Peer(&p)); err != nil {
		t.Fatal(err)
	}
	if p.Addr == nil || p.Addr.Network() != w.conn.Features().Adapter || p.Addr.String() == "" {
		t.Errorf("got %v, want the adapter and a source", p.Addr)
	}
}

func declaredIdempotent(t *testing.T, w *world) {
	if got, err := w.Find(brokertest.Context(t), request("7"), grpc.WaitForReady(true)); err != nil || got.GetId() != "7" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestStubsSpeakEveryCodec(t *testing.T) {
	for _, c := range codecs.Codecs() {
		for _, wire := range wires()[:3] {
			t.Run(c.Name()+"/"+wire.name, func(t *testing.T) {
				client, server := wire.open(t)
				w := newWorld(t, client, server, grpcstub.WithCodec(c))
				success(t, w)
				everyCode(t, w)
			})
		}
	}
}
