package grpcstub

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/transport"
)

// A Receiver is where a Server handles messages: a *transport.Conn, or the Bus of package config.
type Receiver interface {
	Handle(ctx context.Context, destination string, h transport.Handler, opts ...transport.BindOption) (*transport.Subscription, error)
}

// A Server is a grpc.ServiceRegistrar over any transport, for generated code:
//
//	pb.RegisterAccountsServer(server, impl)
//	err := server.Start(ctx)
//
// Methods that stream are registered too, and answer Unimplemented with the reason.
// A Send to a method's destination runs it as well; its reply is dropped.
// All methods may be called concurrently.
type Server struct {
	conn        Receiver
	formats     *formats
	adapter     string
	interceptor grpc.UnaryServerInterceptor // nil without
	bind        []transport.BindOption

	mu      sync.Mutex                   // guards the fields below; not held while conn is called
	waiting map[string]transport.Handler // by destination; registered since the last Start
	known   map[string]string            // method by destination, of all that were registered
	bound   []*transport.Subscription
	err     error // what is wrong with what is waiting
}

var _ grpc.ServiceRegistrar = (*Server)(nil)

// NewServer returns a Server on conn, of which nothing is in effect before Start. It reads Protobuf, or where
// conn is a Bus, all codecs that it knows; WithCodec overrides both. It answers in the format of the request.
func NewServer(conn Receiver, opts ...Option) (*Server, error) {
	o := apply(opts)
	switch {
	case conn == nil:
		return nil, transport.CodeInvalidArgument.Errorf("grpcstub: NewServer(nil): pass a *transport.Conn or a *config.Bus")
	case o.clientOnly != "":
		return nil, transport.CodeInvalidArgument.Errorf("grpcstub: %s is for NewClient", o.clientOnly)
	}
	f, err := newFormats(conn, o.codecs)
	if err != nil {
		return nil, err
	}
	s := &Server{conn: conn, formats: f, bind: o.bind, waiting: map[string]transport.Handler{}, known: map[string]string{}}
	s.adapter = featuresOf(conn).Adapter
	s.interceptor = chainServer(o.server)
	return s, nil
}

// RegisterService takes a service and what serves it. Generated code calls it. What is
// wrong, as a name that is no destination, is the error of Start.
func (s *Server) RegisterService(desc *grpc.ServiceDesc, impl any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range desc.Methods {
		m := &desc.Methods[i]
		s.register(desc.ServiceName, m.MethodName, func(f format, full string) transport.Handler {
			return (&method{s, f, full, m, impl}).handle
		})
	}
	for _, d := range desc.Streams {
		s.register(desc.ServiceName, d.StreamName, func(_ format, full string) transport.Handler {
			return func(context.Context, *transport.Message) (*transport.Message, error) { return nil, streaming(full) }
		})
	}
}

// register keeps one method for Start, or why it cannot be served.
func (s *Server) register(service, name string, handler func(f format, full string) transport.Handler) {
	full := "/" + service + "/" + name
	destination, err := destinationOf(full)
	if err == nil && s.known[destination] != "" {
		err = fmt.Errorf("method %s is registered already", full)
	}
	var f format
	if err == nil {
		f, err = s.formats.of(destination)
	}
	if err != nil {
		s.err = errors.Join(s.err, err)
		return
	}
	s.known[destination] = full
	s.waiting[destination] = handler(f, full)
}

// maxBinds is how many methods are put in effect at once.
const maxBinds = 16

// Start puts all services in effect that were registered since the last Start, and returns
// when they are: what is sent afterwards arrives. When it fails, none of them is.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	waiting, err := s.waiting, s.err
	if err == nil {
		s.waiting = map[string]transport.Handler{}
	}
	s.mu.Unlock()
	if err != nil {
		return transport.CodeInvalidArgument.Errorf("grpcstub: %w", err)
	}
	bound, err := s.start(ctx, waiting)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		maps.Copy(s.waiting, waiting)
		return err
	}
	s.bound = append(s.bound, bound...)
	return nil
}

// start binds all at once, as each takes a broker a while.
func (s *Server) start(ctx context.Context, waiting map[string]transport.Handler) ([]*transport.Subscription, error) {
	var (
		mu    sync.Mutex // guards bound and all
		bound []*transport.Subscription
		all   []error
		binds sync.WaitGroup
	)
	slots := make(chan struct{}, maxBinds)
	for destination, handler := range waiting {
		slots <- struct{}{}
		binds.Go(func() {
			sub, err := s.conn.Handle(ctx, destination, handler, s.bind...)
			<-slots
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				all = append(all, err)
				return
			}
			bound = append(bound, sub)
		})
	}
	binds.Wait()
	if len(all) > 0 {
		return nil, errors.Join(errors.Join(all...), closeAll(ctx, bound))
	}
	return bound, nil
}

// Stop takes all methods out of effect: no call reaches them afterwards. Those that are being served
// go on; Drain of the transport waits for them. It returns within ctx.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	bound := s.bound
	s.bound = nil
	s.mu.Unlock()
	return closeAll(ctx, bound)
}

func closeAll(ctx context.Context, bound []*transport.Subscription) error {
	var all []error
	for _, b := range bound {
		all = append(all, b.Close(ctx))
	}
	return errors.Join(all...)
}

// A method is one unary method of a service.
type method struct {
	server *Server
	format format
	full   string
	desc   *grpc.MethodDesc
	impl   any
}

// handle serves one call.
func (m *method) handle(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
	stream := &serverStream{method: m.full}
	ctx = metadata.NewIncomingContext(ctx, incoming(msg))
	ctx = peer.NewContext(ctx, &peer.Peer{Addr: source{m.server.adapter, msg.Source}})
	ctx = grpc.NewContextWithServerTransportStream(ctx, stream)
	reply, err := m.desc.Handler(m.impl, ctx, func(v any) error { return m.read(msg, v) }, m.server.interceptor)
	if err != nil {
		return nil, toTransport(err, stream)
	}
	f := m.format.answering(msg)
	body, err := f.write(reply)
	if err != nil {
		return nil, transport.CodeInternal.Errorf("the reply cannot be written: %w", err)
	}
	out := &transport.Message{ContentType: f.codec.ContentType(), Body: body}
	stream.write(&out.Header)
	return out, nil
}

func (m *method) read(msg *transport.Message, v any) error {
	err := m.format.read(msg, v)
	if err == nil {
		return nil
	}
	code := transport.CodeInvalidArgument
	if errors.Is(err, codecs.ErrUnavailable) { // something beside the message, as a schema
		code = transport.CodeUnavailable
	}
	return code.Errorf("the request cannot be read: %w", err)
}

// chainServer makes one interceptor of many; nil of none.
func chainServer(all []grpc.UnaryServerInterceptor) grpc.UnaryServerInterceptor {
	if len(all) == 0 {
		return nil
	}
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		next := handler
		for i := len(all) - 1; i > 0; i-- {
			next = wrapHandler(all[i], info, next)
		}
		return all[0](ctx, req, info, next)
	}
}

func wrapHandler(with grpc.UnaryServerInterceptor, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) grpc.UnaryHandler {
	return func(ctx context.Context, req any) (any, error) { return with(ctx, req, info, next) }
}
