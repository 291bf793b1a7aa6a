package grpcwire

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/polywire/polywire/transport"
)

// A heard call is what a server of gRPC was sent.
type heard struct {
	timeout bool // grpc-timeout came
	message []string
}

// listening starts a server of grpc-go's alone, which tells calls what it heard, and answers as a node where ours is set.
func listening(t *testing.T, ours *atomic.Bool) (address string, calls chan heard) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	calls = make(chan heard, 4)
	s := grpc.NewServer(grpc.ForceServerCodecV2(passThrough{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		if method, _ := grpc.Method(stream.Context()); strings.HasPrefix(method, busPrefix) {
			return errors.New("this is no node")
		}
		md, _ := metadata.FromIncomingContext(stream.Context())
		_, timed := stream.Context().Deadline()
		calls <- heard{timed, strings.Split(first(md, messageKey), ",")}
		if err := stream.RecvMsg(&payload{}); err != nil {
			return err
		}
		if ours.Load() {
			if err := stream.SetHeader(metadata.Pairs(messageKey, ",far/1")); err != nil {
				return err
			}
		}
		return stream.SendMsg(&payload{owned: true})
	}))
	done := make(chan struct{})
	go func() { _ = s.Serve(l); close(done) }()
	t.Cleanup(func() { s.Stop(); <-done })
	return l.Addr().String(), calls
}

func TestTheTimeLeftIsInTheMessageOnceANodeHasAnswered(t *testing.T) {
	var ours atomic.Bool
	address, calls := listening(t, &ours)
	client := openConn(t, "grpc://"+address)
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	defer cancel()
	request := func() heard {
		t.Helper()
		reply, err := client.Request(ctx, &transport.Message{Destination: "a.b"})
		if err != nil {
			t.Fatal(err)
		}
		if reply.ID == "" || reply.Time.IsZero() {
			t.Errorf("a reply has id %q and time %v, want both", reply.ID, reply.Time)
		}
		return <-calls
	}
	for range 2 {
		if h := request(); !h.timeout || len(h.message) != 3 {
			t.Errorf("a stranger heard %+v, want grpc-timeout, and three parts", h)
		}
	}
	ours.Store(true)
	request()
	h := request()
	if h.timeout || len(h.message) != 4 {
		t.Fatalf("a node heard %+v, want no grpc-timeout, and four parts", h)
	}
	if left, err := time.ParseDuration(h.message[3] + "us"); err != nil || left <= 0 || left > testTime {
		t.Errorf("the time left is %q, want microseconds up to %v", h.message[3], testTime)
	}
}

func TestANodeTakesTheTimeLeftFromTheMessage(t *testing.T) {
	e := &transport.Envelope{}
	order := takeMessage([]string{"7,a%2Cb/1,1795730400000000000,1500,b,a"}, e)
	if e.ID != "7" || e.Source != "a,b/1" || !e.Time.Equal(time.Unix(1795730400, 0)) || e.Timeout != 1500*time.Microsecond || order != "b,a" {
		t.Errorf("got %q from %q at %v, %v left, order %q", e.ID, e.Source, e.Time, e.Timeout, order)
	}
	for _, short := range []string{"", "7", "7,a", "7,a,x", "7,a,1,-4", "7,a,1,99999999999999999999"} {
		e := &transport.Envelope{}
		if takeMessage([]string{short}, e); e.Timeout < 0 || e.Timeout > 20*24*time.Hour {
			t.Errorf("%q leaves %v", short, e.Timeout)
		}
	}
}

func TestCloseEndsACallThatIsUnderWay(t *testing.T) {
	node := serve(t, "")
	began, release := make(chan struct{}), make(chan struct{})
	handle(t, node, "a.b", func(context.Context, *transport.Message) (*transport.Message, error) {
		close(began)
		<-release
		return nil, nil
	})
	defer close(release)
	client := clientOf(t, node)
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		_, err := client.Request(ctx, &transport.Message{Destination: "a.b"})
		failed <- err
	}()
	<-began
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; !errors.Is(err, transport.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}
