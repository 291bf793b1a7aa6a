package grpcwire

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/polywire/polywire/internal/peertest"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

// styles are the methods of all styles and of attachment, each with a first message for a destination.
func styles(destination string) map[string][]byte {
	e := &transport.Envelope{}
	e.Destination, e.Timeout = destination, 20*time.Second
	m := appendMessage(nil, e)
	open := func(kind transport.Kind) []byte {
		return appendBytes(nil, attachingOpen, appendOpening(nil, &transport.Binding{Kind: kind, Pattern: destination, Credit: 1}))
	}
	i := strings.LastIndexByte(destination, '.')
	return map[string][]byte{
		"/" + destination[:i] + "/" + destination[i+1:]: nil, busRequest: m, busSend: m, busPublish: m, busGather: m,
		busAttach + "?topic": open(transport.KindTopic), busAttach + "?queue": open(transport.KindQueue),
	}
}

// talk sends the first message of a method, and returns the first answer and the error that the call ends with, if it does within wait.
func talk(t testing.TB, cc *grpc.ClientConn, method, auth string, first []byte, more ...string) (answered bool, code codes.Code) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	defer cancel()
	if auth != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, authorization, auth)
	}
	ctx = metadata.AppendToOutgoingContext(ctx, more...)
	name, _, _ := strings.Cut(method, "?")
	s, err := cc.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, name, grpc.ForceCodecV2(passThrough{}))
	if err == nil {
		err = s.SendMsg(&payload{data: first, owned: true})
	}
	if name != busAttach && err == nil {
		err = s.CloseSend()
	}
	if err == nil || errors.Is(err, io.EOF) { // refused already: the answer tells why
		err = s.RecvMsg(&payload{})
	}
	return err == nil, status.Code(err)
}

var everything = access.Verbs()

func TestNobodyGetsInWithoutCredentialsByAnyMethod(t *testing.T) {
	node := openConn(t, "grpc://?listen=127.0.0.1:0&attach", transport.WithAccess(peertest.Guard(t, 0, access.Rule{Who: []string{"anna"}, May: everything, What: []string{">"}})))
	entered := make(chan string, 100)
	h := func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		entered <- m.Destination
		return &transport.Message{}, nil
	}
	handle(t, node, "d.x", h)
	if _, err := node.Subscribe(t.Context(), "d.x", h); err != nil {
		t.Fatal(err)
	}
	cc := dial(t, node.Addr())
	methods := styles("d.x")
	for _, kind := range []string{"?topic", "?queue"} {
		methods[busAttach+kind] = styles("e.x")[busAttach+kind] // takes nothing from the handlers of d.x
	}
	for method, first := range methods {
		for auth, want := range map[string]codes.Code{
			"": codes.Unauthenticated, "Bearer": codes.Unauthenticated, "Bearer wrong": codes.Unauthenticated, "Bearer token-anna x": codes.Unauthenticated, "Basic !!!": codes.Unauthenticated,
			"token-anna": codes.Unauthenticated, "Bearer token-bob": codes.PermissionDenied,
		} {
			if answered, code := talk(t, cc, method, auth, first); answered || code != want {
				t.Errorf("%s with %q: answered %v, %v, want %v", method, auth, answered, code, want)
			}
		}
		if _, code := talk(t, cc, method, "Bearer token-anna", first, authorization, "Bearer token-anna"); code != codes.Unauthenticated {
			t.Errorf("%s with two: got %v", method, code)
		}
		if answered, code := talk(t, cc, method, "Bearer token-anna", first); !answered {
			t.Errorf("%s with good credentials: got %v", method, code)
		}
	}
	if n := len(entered); n > 5 { // once for each call with good credentials, which is also cancelled at its answer
		t.Errorf("handlers were entered %d times", n)
	}
}

func TestWhatIsAllowedIsDecidedOnTheDestination(t *testing.T) {
	node := openConn(t, "grpc://?listen=127.0.0.1:0&attach", transport.WithAccess(peertest.Guard(t, 0,
		access.Rule{Who: []string{"anna"}, May: everything, What: []string{">"}},
		access.Rule{Who: []string{"root"}, May: everything, What: []string{"admin.>"}},
	)))
	handle(t, node, "admin.all.stop", func(context.Context, *transport.Message) (*transport.Message, error) {
		t.Error("the handler was entered")
		return nil, nil
	})
	cc := dial(t, node.Addr())
	for method, first := range styles("admin.all.stop") {
		if answered, code := talk(t, cc, method, "Bearer token-anna", first); answered || code != codes.PermissionDenied {
			t.Errorf("%s: answered %v, %v, want permission denied", method, answered, code)
		}
	}
	for _, method := range []string{
		"/admin.all/stop", "/admin/all.stop", "//admin.all/stop", "/admin.all/stop/", "/admin%2eall/stop", "/%61dmin.all/stop", "/admin.all/%73top", "/./admin.all/stop", "/x/../admin.all/stop",
		"/admin.all%2fstop", "/admin.all/stop%00", "/admin.all/stop?x", "/admin..all/stop", "/admin.all./stop", "/admin.all/stop#", "/admin.all/stop;x", "/admin.all//stop", "/admin%252eall/stop", "/admin.all\\stop", "/ admin.all/stop",
	} {
		if answered, code := talk(t, cc, method, "Bearer token-anna", nil); answered || code == codes.OK {
			t.Errorf("%s: answered %v, %v", method, answered, code)
		}
	}
	for _, pattern := range []string{"admin.>", ">", "*.all.stop", "admin.*.stop", "*.>"} {
		first := appendBytes(nil, attachingOpen, appendOpening(nil, &transport.Binding{Kind: transport.KindTopic, Pattern: pattern, Credit: 1}))
		if answered, code := talk(t, cc, busAttach, "Bearer token-anna", first); answered || code != codes.PermissionDenied {
			t.Errorf("a subscription to %s: answered %v, %v", pattern, answered, code)
		}
	}
}

func TestAReplyToNeedsTheRightToSendThere(t *testing.T) {
	node := openConn(t, "grpc://?listen=127.0.0.1:0", transport.WithAccess(peertest.Guard(t, 0, access.Rule{Who: []string{"anna"}, May: []access.Verb{access.Send}, What: []string{"jobs.x"}})))
	handle(t, node, "jobs.x", echo)
	e := &transport.Envelope{}
	e.Destination, e.ReplyTo = "jobs.x", "admin.reset"
	if answered, code := talk(t, dial(t, node.Addr()), busSend, "Bearer token-anna", appendMessage(nil, e)); answered || code != codes.PermissionDenied {
		t.Errorf("answered %v, %v, want permission denied", answered, code)
	}
}

func TestAStreamEndsWithItsIdentity(t *testing.T) {
	node := openConn(t, "grpc://?listen=127.0.0.1:0&attach", transport.WithAccess(peertest.Guard(t, 300*time.Millisecond, access.Rule{Who: []string{"anna"}, May: everything, What: []string{">"}})))
	if _, err := node.Subscribe(t.Context(), "d.x", func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}); err != nil {
		t.Fatal(err)
	}
	cc := dial(t, node.Addr())
	for _, method := range []string{busGather, busAttach + "?topic", busAttach + "?queue"} {
		ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), authorization, "Bearer token-brief-anna"), testTime)
		began := time.Now()
		name, _, _ := strings.Cut(method, "?")
		s, err := cc.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, name, grpc.ForceCodecV2(passThrough{}))
		if err == nil {
			err = s.SendMsg(&payload{data: styles("d.x")[method], owned: true})
		}
		if err == nil && name == busGather {
			err = s.CloseSend()
		}
		if err == nil {
			err = s.RecvMsg(&payload{}) // in effect
		}
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		err = s.RecvMsg(&payload{})
		if took := time.Since(began); status.Code(err) != codes.Unauthenticated || took < 250*time.Millisecond || took > 5*time.Second {
			t.Errorf("%s: got %v after %v", method, err, took)
		}
		cancel()
	}
}

func TestAStreamEndsOnceItsTokenOrItsRightIsTakenAway(t *testing.T) {
	r, policy := peertest.Revocable(t, access.Rule{Who: []string{access.Known}, May: everything, What: []string{">"}})
	desc := &grpc.ServiceDesc{ServiceName: "acme.v1.Feed", HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{{
		StreamName: "Watch", ServerStreams: true, ClientStreams: true,
		Handler: func(_ any, s grpc.ServerStream) error {
			if err := s.SendMsg(&payload{}); err != nil {
				return err
			}
			<-s.Context().Done()
			return nil
		},
	}}}
	reg := transport.NewRegistry(Factory(WithStreams(func(s grpc.ServiceRegistrar) { s.RegisterService(desc, nil) })))
	node, err := reg.Open(t.Context(), "grpc://?listen=127.0.0.1:0&attach", transport.WithAccess(policy))
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	if _, err := node.Subscribe(t.Context(), "d.x", func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}); err != nil {
		t.Fatal(err)
	}
	cc := dial(t, node.Addr())
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	defer cancel()
	streams := map[string]map[string]grpc.ClientStream{"anna": {}, "bob": {}}
	for name, of := range streams {
		for method, first := range map[string][]byte{
			busGather: styles("d.x")[busGather], busAttach + "?topic": styles("d.x")[busAttach+"?topic"], busAttach + "?queue": styles("d." + name)[busAttach+"?queue"], "/acme.v1.Feed/Watch": nil,
		} {
			path, _, _ := strings.Cut(method, "?")
			s, err := cc.NewStream(metadata.AppendToOutgoingContext(ctx, authorization, "Bearer token-"+name), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, path, grpc.ForceCodecV2(passThrough{}))
			if err == nil {
				err = s.SendMsg(&payload{data: first, owned: true})
			}
			if err == nil && path == busGather {
				err = s.CloseSend()
			}
			if err == nil {
				err = s.RecvMsg(&payload{}) // in effect
			}
			if err != nil {
				t.Fatalf("%s: %v", method, err)
			}
			of[method] = s
		}
	}
	r.Forget("anna")
	r.Deny("bob")
	for name, code := range map[string]codes.Code{"anna": codes.Unauthenticated, "bob": codes.PermissionDenied} {
		for method, s := range streams[name] {
			var err error
			for err == nil { // signs of life may come before
				err = s.RecvMsg(&payload{})
			}
			if status.Code(err) != code {
				t.Errorf("%s of %s ended with %v, want %v", method, name, err, code)
			}
		}
	}
}

func TestTheHandlerSeesThePeerOfACredential(t *testing.T) {
	node := openConn(t, "grpc://?listen=127.0.0.1:0", transport.WithAccess(peertest.Guard(t, 0, access.Rule{Who: []string{access.Known}, May: everything, What: []string{">"}})))
	handle(t, node, "who.is", func(ctx context.Context, m *transport.Message) (*transport.Message, error) {
		for key := range m.Header.All() {
			if strings.Contains(key, "auth") {
				return nil, transport.CodeInternal.Errorf("the handler sees %s", key)
			}
		}
		return &transport.Message{Body: []byte(access.Peer(ctx).Name)}, nil
	})
	asked := make(chan string, 100)
	client := openConn(t, "grpc://"+node.Addr(), transport.WithAccess(access.Policy{InsecureCredentials: true, Credentials: func(_ context.Context, where string) (string, error) {
		asked <- where
		return "Bearer token-anna", nil
	}}))
	reply, err := client.Request(t.Context(), &transport.Message{Destination: "who.is"})
	if err != nil || string(reply.Body) != "anna" {
		t.Errorf("got %v, %v", reply, err)
	}
	if where := <-asked; where != "grpc://"+node.Addr() {
		t.Errorf("credentials were asked for %q", where)
	}
	_, err = transport.NewRegistry(Factory()).Open(t.Context(), "grpc://"+node.Addr(), transport.WithAccess(access.Policy{Credentials: access.BearerToken("the-secret")}))
	if !errors.Is(err, transport.CodeInvalidArgument) {
		t.Errorf("credentials without TLS: got %v", err)
	}
}

// TestANativeStreamIsARequestOfItsMethod holds for the streams that generated services serve.
func TestANativeStreamIsARequestOfItsMethod(t *testing.T) {
	ended := make(chan error, 10)
	desc := &grpc.ServiceDesc{ServiceName: "acme.v1.Feed", HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{{
		StreamName: "Watch", ServerStreams: true, ClientStreams: true,
		Handler: func(_ any, s grpc.ServerStream) error {
			if p := access.Peer(s.Context()); p == nil || p.Name != "anna" {
				t.Errorf("the handler sees peer %v", p)
			}
			if err := s.SendMsg(&payload{}); err != nil {
				return err
			}
			<-s.Context().Done()
			ended <- context.Cause(s.Context())
			return nil
		},
	}}}
	reg := transport.NewRegistry(Factory(WithStreams(func(s grpc.ServiceRegistrar) { s.RegisterService(desc, nil) })))
	node, err := reg.Open(t.Context(), "grpc://?listen=127.0.0.1:0", transport.WithAccess(peertest.Guard(t, 200*time.Millisecond, access.Rule{Who: []string{"anna"}, May: []access.Verb{access.Request}, What: []string{"acme.v1.Feed.Watch"}})))
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	cc := dial(t, node.Addr())
	for auth, want := range map[string]codes.Code{"": codes.Unauthenticated, "Bearer token-bob": codes.PermissionDenied} {
		if answered, code := talk(t, cc, "/acme.v1.Feed/Watch", auth, nil); answered || code != want {
			t.Errorf("with %q: answered %v, %v, want %v", auth, answered, code, want)
		}
	}
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), authorization, "Bearer token-brief-anna"), testTime)
	defer cancel()
	s, err := cc.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/acme.v1.Feed/Watch", grpc.ForceCodecV2(passThrough{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RecvMsg(&payload{}); err != nil {
		t.Fatal(err)
	}
	if err := s.RecvMsg(&payload{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("the stream ended with %v", err)
	}
	if err := <-ended; !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("the handler's ctx ended with %v", err)
	}
}
