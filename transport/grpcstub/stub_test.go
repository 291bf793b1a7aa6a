package grpcstub_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/polywire/polywire/adapters/all"
	codecs "github.com/polywire/polywire/codecs/all"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/codecs/protocodec"
	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/internal/testpb/accountspb"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/config"
	"github.com/polywire/polywire/transport/grpcstub"
)

// local is a world in process.
func local(t *testing.T, opts ...grpcstub.Option) *world {
	client, server := inprocWire(t)
	return newWorld(t, client, server, opts...)
}

// serviceFunc is a service of one function.
type serviceFunc struct {
	accountspb.UnimplementedAccountsServer
	verify func(ctx context.Context, in *accountspb.VerifyRequest) (*accountspb.Account, error)
}

func (s serviceFunc) Verify(ctx context.Context, in *accountspb.VerifyRequest) (*accountspb.Account, error) {
	return s.verify(ctx, in)
}

// answering is a client of a service whose Verify is f.
func answering(t *testing.T, f func(ctx context.Context, in *accountspb.VerifyRequest) (*accountspb.Account, error)) accountspb.AccountsClient {
	client, server := inprocWire(t)
	serve(t, server, serviceFunc{verify: f})
	return stubs(t, client)
}

func TestAnErrorOfAHandlerIsToldAsTheRulesOfErrorsSay(t *testing.T) {
	retry, err := status.New(codes.ResourceExhausted, "later").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(3 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	received := transport.CodeNotFound.Errorf("secret of another service")
	received.Op = "request"
	for name, tc := range map[string]struct {
		err  error
		code codes.Code
		text string
	}{
		"a wrapped status keeps its code": {fmt.Errorf("trip 7: %w", status.Error(codes.NotFound, "no such trip")), codes.NotFound, "trip 7: rpc error: code = NotFound desc = no such trip"},
		"an error of polywire":            {transport.CodeAborted.Errorf("conflict"), codes.Aborted, "conflict"},
		"a code of polywire":              {fmt.Errorf("x: %w", transport.CodeDataLoss), codes.DataLoss, "the handler answered data_loss"},
		"the end of a ctx":                {context.DeadlineExceeded, codes.DeadlineExceeded, "the handler answered deadline_exceeded"},
		"any other error hides its text":  {errors.New("password"), codes.Unknown, "the handler failed"},
		"a foreign code is Unknown":       {status.Error(99, "odd"), codes.Unknown, "odd"},
		"what another peer said":          {received, codes.Internal, "a service that this one needs failed"},
		"a hint when to try again":        {retry.Err(), codes.ResourceExhausted, "later"},
	} {
		t.Run(name, func(t *testing.T) {
			c := answering(t, func(context.Context, *accountspb.VerifyRequest) (*accountspb.Account, error) { return nil, tc.err })
			_, err := c.Verify(t.Context(), request("7"))
			if s, ok := status.FromError(err); !ok || s.Code() != tc.code || s.Message() != tc.text {
				t.Errorf("got %v, want %v: %s", err, tc.code, tc.text)
			}
			var e *transport.Error
			if tc.err == retry.Err() && (!errors.As(err, &e) || e.RetryAfter != 3*time.Second) {
				t.Errorf("got %v, want RetryAfter of 3 s", err)
			}
		})
	}
}

func TestRetryAfterIsRetryInfo(t *testing.T) {
	c := answering(t, func(context.Context, *accountspb.VerifyRequest) (*accountspb.Account, error) {
		e := transport.CodeUnavailable.Errorf("busy")
		e.RetryAfter = 2 * time.Second
		return nil, e
	})
	_, err := c.Verify(t.Context(), request("7"))
	details := status.Convert(err).Details()
	if len(details) != 1 || details[0].(*errdetails.RetryInfo).GetRetryDelay().AsDuration() != 2*time.Second {
		t.Errorf("got %v of %v, want a RetryInfo of 2 s", details, err)
	}
}

// What one stub's error says another's handler must not pass on.
func TestTheErrorOfAStubIsNotAHandlersOwn(t *testing.T) {
	first := answering(t, func(context.Context, *accountspb.VerifyRequest) (*accountspb.Account, error) {
		return nil, status.Error(codes.NotFound, "secret")
	})
	second := answering(t, func(ctx context.Context, in *accountspb.VerifyRequest) (*accountspb.Account, error) {
		return first.Verify(ctx, in)
	})
	if _, err := second.Verify(t.Context(), request("7")); status.Code(err) != codes.Internal || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want Internal without the text", err)
	}
}

func TestInterceptorsWrapCallsInOrder(t *testing.T) {
	var steps []string
	client := func(name string) grpc.UnaryClientInterceptor {
		return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			steps = append(steps, name)
			return invoke(ctx, method, req, reply, cc, opts...)
		}
	}
	server := func(name string) grpc.UnaryServerInterceptor {
		return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
			steps = append(steps, name+" "+info.FullMethod)
			return handle(ctx, req)
		}
	}
	conn, _ := inprocWire(t)
	serve(t, conn, &accounts{}, grpcstub.WithServerInterceptor(server("c"), server("d")))
	c := stubs(t, conn, grpcstub.WithClientInterceptor(client("a"), client("b")))
	if _, err := c.Verify(t.Context(), request("7")); err != nil {
		t.Fatal(err)
	}
	want := []string{"a", "b", "c " + accountspb.Accounts_Verify_FullMethodName, "d " + accountspb.Accounts_Verify_FullMethodName}
	if !slices.Equal(steps, want) {
		t.Errorf("got %q, want %q", steps, want)
	}
}

func TestAHandlerKnowsItsMethodAndItsPeer(t *testing.T) {
	c := answering(t, func(ctx context.Context, _ *accountspb.VerifyRequest) (*accountspb.Account, error) {
		p, _ := peer.FromContext(ctx)
		method, _ := grpc.Method(ctx)
		return &accountspb.Account{Id: method, Name: p.Addr.Network() + " " + p.Addr.String()}, nil
	})
	got, err := c.Verify(t.Context(), request("7"))
	if err != nil || got.GetId() != accountspb.Accounts_Verify_FullMethodName || !strings.HasPrefix(got.GetName(), "inproc -/") {
		t.Errorf("got %v, %v", got, err)
	}
}

type token map[string]string

func (c token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if c == nil {
		return nil, errors.New("no token")
	}
	return c, nil
}
func (c token) RequireTransportSecurity() bool { return c["secure"] != "" }

func TestCredentialsOfACallTravelAsMetadata(t *testing.T) {
	w := local(t)
	var trailer metadata.MD
	_, err := w.Verify(t.Context(), request("metadata"), grpc.PerRPCCredentials(token{"x-token": "abc", "secure": "yes"}), grpc.Trailer(&trailer))
	if err != nil || trailer.Get("x-token")[0] != "abc" {
		t.Errorf("got %v, %v", trailer, err)
	}
	if _, err := w.Verify(t.Context(), request("7"), grpc.PerRPCCredentials(token(nil))); status.Code(err) != codes.Unauthenticated {
		t.Errorf("credentials that fail: got %v, want Unauthenticated", err)
	}
	client, server := nodes(t, "http")
	far := newWorld(t, client, server)
	_, err = far.Verify(t.Context(), request("7"), grpc.PerRPCCredentials(token{"secure": "yes"}))
	if status.Code(err) != codes.Unauthenticated {
		t.Errorf("over a network that may not be encrypted: got %v, want Unauthenticated", err)
	}
}

func TestTheContentSubtypeOfACallPicksACodec(t *testing.T) {
	w := local(t, grpcstub.WithCodec(protocodec.New(), jsoncodec.New()))
	for subtype, want := range map[string]codes.Code{"": codes.OK, "proto": codes.OK, "JSON": codes.OK, "avro": codes.InvalidArgument} {
		if _, err := w.Verify(t.Context(), request("7"), grpc.CallContentSubtype(subtype)); status.Code(err) != want {
			t.Errorf("%q: got %v, want %v", subtype, err, want)
		}
	}
}

func TestOnFinishIsToldTheOutcome(t *testing.T) {
	w := local(t)
	var got []codes.Code
	finish := grpc.OnFinish(func(err error) { got = append(got, status.Code(err)) })
	bad := request("7")
	bad.Code = int32(codes.Aborted)
	_, ok := w.Verify(t.Context(), request("7"), finish)
	_, failed := w.Verify(t.Context(), bad, finish)
	if ok != nil || failed == nil || !slices.Equal(got, []codes.Code{codes.OK, codes.Aborted}) {
		t.Errorf("got %v after %v and %v", got, ok, failed)
	}
}

func TestWhatNoTransportCanCarryIsRefusedWithTheReason(t *testing.T) {
	w := local(t)
	conn, err := grpcstub.NewClient(w.conn)
	if err != nil {
		t.Fatal(err)
	}
	long := "/a." + strings.Repeat("b", 200) + "/C"
	for _, tc := range []struct {
		method string
		opt    grpc.CallOption
		md     []string
		code   codes.Code
		text   string
	}{
		{method: "a.B/C", code: codes.InvalidArgument, text: "want /package.Service/Method"},
		{method: "/a.B", code: codes.InvalidArgument, text: "want /package.Service/Method"},
		{method: "/a.B/C.D", code: codes.InvalidArgument, text: "want /package.Service/Method"},
		{method: "/a.B/C/D", code: codes.InvalidArgument, text: "want /package.Service/Method"},
		{method: "/a b/C", code: codes.InvalidArgument, text: "cannot be a destination"},
		{method: long, code: codes.InvalidArgument, text: "180"},
		{method: "/a.B/C", opt: grpc.ForceCodecV2(nil), code: codes.Unimplemented, text: "grpc.ForceCodecV2"},
		{method: "/a.B/C", md: []string{"key", "7"}, code: codes.InvalidArgument, text: `"key" is reserved`},
		{method: "/a.B/C", md: []string{"a", "1\n"}, code: codes.InvalidArgument, text: "control characters"},
	} {
		ctx := metadata.NewOutgoingContext(t.Context(), metadata.Pairs(tc.md...))
		opts := []grpc.CallOption{grpc.EmptyCallOption{}}
		if tc.opt != nil {
			opts = append(opts, tc.opt)
		}
		err := conn.Invoke(ctx, tc.method, request("7"), &accountspb.Account{}, opts...)
		if s := status.Convert(err); s.Code() != tc.code || !strings.Contains(s.Message(), tc.text) {
			t.Errorf("%s: got %v, want %v with %q", tc.method, err, tc.code, tc.text)
		}
	}
}

func TestAMistakeInARegistrationIsTheErrorOfStart(t *testing.T) {
	conn, _ := inprocWire(t)
	s, err := grpcstub.NewServer(conn)
	if err != nil {
		t.Fatal(err)
	}
	accountspb.RegisterAccountsServer(s, &accounts{})
	accountspb.RegisterAccountsServer(s, &accounts{})
	s.RegisterService(&grpc.ServiceDesc{ServiceName: "a b", Methods: []grpc.MethodDesc{{MethodName: "C"}}}, nil)
	err = s.Start(t.Context())
	for _, want := range []string{"/acme.accounts.v1.Accounts/Verify is registered already", `"/a b/C" cannot be a destination`} {
		if !errors.Is(err, transport.CodeInvalidArgument) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func TestOptionsOfTheOtherSideAreRefused(t *testing.T) {
	conn, _ := inprocWire(t)
	_, client := grpcstub.NewClient(conn, grpcstub.WithBind())
	_, server := grpcstub.NewServer(conn, grpcstub.WithCallOptions())
	_, noClient := grpcstub.NewClient(nil)
	_, noServer := grpcstub.NewServer(nil)
	_, noCodec := grpcstub.NewClient(conn, grpcstub.WithCodec(nil))
	for want, err := range map[string]error{
		"WithBind is for NewServer": client, "WithCallOptions is for NewClient": server,
		"NewClient(nil)": noClient, "NewServer(nil)": noServer, "WithCodec": noCodec,
	} {
		if !errors.Is(err, transport.CodeInvalidArgument) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func TestAfterStopNoCallReachesTheService(t *testing.T) {
	conn, _ := inprocWire(t)
	s := serve(t, conn, &accounts{})
	c := stubs(t, conn)
	if _, err := c.Verify(t.Context(), request("7")); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Verify(t.Context(), request("7")); status.Code(err) != codes.Unimplemented {
		t.Errorf("got %v, want Unimplemented", err)
	}
}

func TestABodyThatCannotBeReadNeverReachesTheService(t *testing.T) {
	w := local(t)
	for contentType, body := range map[string]string{"application/protobuf": "\xff", "application/json": "{}", "text/csv": ""} {
		_, err := w.conn.Request(t.Context(), &transport.Message{
			Destination: "acme.accounts.v1.Accounts.Verify", ContentType: contentType, Body: []byte(body),
		})
		if !errors.Is(err, transport.CodeInvalidArgument) || !strings.Contains(err.Error(), "the request cannot be read") {
			t.Errorf("%s: got %v", contentType, err)
		}
	}
}

func TestAServiceAnswersEachRequestInItsOwnFormat(t *testing.T) {
	conn, _ := inprocWire(t)
	serve(t, conn, &accounts{}, grpcstub.WithCodec(protocodec.New(), jsoncodec.New()))
	for _, tc := range []struct{ accept, want string }{{"", "application/json"}, {"application/protobuf", "application/protobuf"}} {
		reply, err := conn.Request(t.Context(), &transport.Message{
			Destination: "acme.accounts.v1.Accounts.Verify", ContentType: "application/json", Accept: tc.accept, Body: []byte(`{"id":"7"}`),
		})
		if err != nil || reply.ContentType != tc.want {
			t.Errorf("accept %q: got %v, %v, want %s", tc.accept, reply, err, tc.want)
		}
	}
}

func TestTheRouteOfABusNamesTheCodec(t *testing.T) {
	known, err := codecs.Registry()
	if err != nil {
		t.Fatal(err)
	}
	file := "version: 1\ntransports:\n  memory: {url: \"inproc://\", codec: msgpack}\ndefaults: {transport: memory}\n"
	c, err := config.Parse("test.yaml", []byte(file), config.Options{Registry: all.Registry(), Codecs: known})
	if err != nil {
		t.Fatal(err)
	}
	bus, err := c.Open(brokertest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	seen := make(chan string, 1)
	serve(t, bus, serviceFunc{verify: func(ctx context.Context, in *accountspb.VerifyRequest) (*accountspb.Account, error) {
		seen <- transport.Inbound(ctx).ContentType
		return &accountspb.Account{Id: in.GetId()}, nil
	}})
	got, err := stubs(t, bus).Verify(t.Context(), request("7"))
	if err != nil || got.GetId() != "7" {
		t.Fatalf("got %v, %v", got, err)
	}
	if media := <-seen; media != "application/vnd.msgpack" && media != "application/msgpack" {
		t.Errorf("the request was %s, want MessagePack", media)
	}
}

// moody handles destinations of conn but one, while it is in the mood.
type moody struct {
	*transport.Conn
	refuses string
}

func (m *moody) Handle(ctx context.Context, destination string, h transport.Handler, opts ...transport.BindOption) (*transport.Subscription, error) {
	if destination == m.refuses {
		return nil, transport.CodeUnavailable.Errorf("not now")
	}
	return m.Conn.Handle(ctx, destination, h, opts...)
}

func TestAStartThatFailsLeavesNothingBehindAndCanBeRepeated(t *testing.T) {
	conn, _ := inprocWire(t)
	m := &moody{conn, "acme.accounts.v1.Accounts.Find"}
	s, err := grpcstub.NewServer(m)
	if err != nil {
		t.Fatal(err)
	}
	accountspb.RegisterAccountsServer(s, &accounts{})
	if err := s.Start(t.Context()); !errors.Is(err, transport.CodeUnavailable) {
		t.Fatalf("got %v, want Unavailable", err)
	}
	c := stubs(t, conn)
	if _, err := c.Verify(t.Context(), request("7")); !errors.Is(err, transport.ErrNoHandler) {
		t.Errorf("after a start that failed: got %v, want ErrNoHandler", err)
	}
	m.refuses = ""
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Verify(t.Context(), request("7")); err != nil {
		t.Error(err)
	}
}
