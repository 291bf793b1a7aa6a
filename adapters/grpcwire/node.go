package grpcwire

import (
	"context"
	"crypto/tls"
	"errors"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // clients of strangers may compress; what they send is bounded when it is unpacked
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/internal/router"
	"github.com/polywire/polywire/transport"
)

// A node is the face of a router to other processes.
type node struct {
	a            *adapter
	listener     net.Listener
	server       *grpc.Server
	health       *checkup
	closing      chan struct{} // closed by close; long answers end then
	open         chan struct{} // holds one for each connection
	stop         func()        // starts GracefulStop, once
	arrivals     atomic.Uint64 // of calls
	leaving      atomic.Bool
	serving      sync.WaitGroup
	timers       router.Timers
	destinations *names      // of methods
	plain        metadata.MD // the head of an answer that says no more than who answers; nobody writes to it

	mu     sync.Mutex // guards closed, and adding to serving
	closed bool
}

// newNode serves at l, with TLS where there is an identity.
func newNode(a *adapter, l net.Listener, identity *tls.Config) (*node, error) {
	n := &node{a: a, closing: make(chan struct{}), health: newCheckup(), destinations: newNames()}
	n.open = make(chan struct{}, a.opts.Connections)
	n.listener = &limitListener{Listener: l, free: n.open}
	n.plain = metadata.MD{messageKey: {(&head{reply: true}).message(&transport.Envelope{Message: transport.Message{Source: a.setup.Source}}, 0)}}
	n.server = grpc.NewServer(n.options(identity)...)
	n.stop = sync.OnceFunc(func() { n.serving.Go(n.server.GracefulStop) }) // ends with the last stream, which close sees to
	r := &registrar{n: n}
	for _, register := range a.natives {
		register(r)
	}
	healthpb.RegisterHealthServer(own{n}, n.health.server)
	if err := errors.Join(r.err, n.register()); err != nil {
		_ = l.Close() // nobody was let in
		n.server.Stop()
		return nil, err
	}
	n.serving.Go(func() { _ = n.server.Serve(n.listener) }) // ends with the listener
	return n, nil
}

func (n *node) options(identity *tls.Config) []grpc.ServerOption {
	l := &n.a.limits
	age := n.a.opts.age
	if age == 0 {
		age = math.MaxInt64
	}
	opts := []grpc.ServerOption{
		grpc.ForceServerCodecV2(passThrough{}),
		grpc.UnknownServiceHandler(n.serve),
		grpc.InTapHandle(n.come),
		grpc.NumStreamWorkers(l.workers),
		grpc.StaticStreamWindowSize(l.window), grpc.StaticConnWindowSize(4 * l.window),
		grpc.MaxConcurrentStreams(uint32(l.streams)), //nolint:gosec // a constant
		grpc.MaxHeaderListSize(uint32(l.headers)),    //nolint:gosec // a constant
		grpc.MaxRecvMsgSize(min(n.a.setup.MaxBody+l.around, math.MaxInt32)), grpc.MaxSendMsgSize(math.MaxInt32),
		grpc.ConnectionTimeout(2 * l.dial),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: l.idle, MaxConnectionAge: age, Time: l.alive, Timeout: l.answer,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: l.pings, PermitWithoutStream: true}),
	}
	if identity != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(identity)))
	}
	return opts
}

func (n *node) enter() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.serving.Add(1)
	n.arrivals.Add(1)
	return true
}

// leave takes no more connections, and says on those that there are that no more calls are wanted. Those that cross that word are answered.
func (n *node) leave() (told func(context.Context)) {
	n.leaving.Store(true)
	n.stop()
	return func(ctx context.Context) { attach.Told(ctx, n.open, &n.arrivals) }
}

// stopListening frees the port.
func (n *node) stopListening() { _ = n.listener.Close() }

// close ends every answer and connection. The router is closed already, so that calls have their errors.
func (n *node) close(ctx context.Context) error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	close(n.closing)
	n.health.server.Shutdown()
	soon := time.AfterFunc(n.a.limits.accepting, n.server.Stop)
	defer soon.Stop()
	n.stop() // lets answers out that are ready, and waits for handlers, ctx or not
	return attach.Wait(ctx, &n.serving)
}

// A limitListener serves so many connections at once, and closes one more at once:
// a caller that waited in the system's queue would learn nothing until its time is up.
type limitListener struct {
	net.Listener
	free chan struct{} // holds one for each connection
}

func (l *limitListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.free <- struct{}{}:
			return &limitConn{Conn: c, free: l.free}, nil
		default:
			_ = c.Close()
		}
	}
}

type limitConn struct {
	net.Conn
	once sync.Once
	free chan struct{}
}

func (c *limitConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.free })
	return err
}

// statusError makes what gRPC sends of err.
func (v *visit) statusError(err error) error {
	s, trailer := statusOf(err, v.ours)
	if trailer != nil {
		if v.n.leaving.Load() {
			trailer.Set(leavingKey, "1")
		}
		v.stream.SetTrailer(trailer)
	}
	return status.ErrorProto(s)
}
