package grpcwire

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/tap"

	"github.com/polywire/polywire/internal/fieldtext"
	"github.com/polywire/polywire/internal/router"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

const (
	defaultTimeout = 30 * time.Second
	maxTimeout     = 24 * time.Hour
	maxID          = 128
)

// A visit is one call or stream that this node serves. It is the ctx of what gRPC makes
// for the stream, so that it is found there.
type visit struct {
	context.Context // as gRPC made it
	n               *node
	stream          grpc.ServerStream
	ctx             context.Context // of the stream
	method          string
	md              metadata.MD        // gRPC's own, not to be written to
	ours            bool               // a Conn of polywire calls
	peer            *access.Identity   // set by authenticate
	in              payload            // of a call that takes one message
	env             transport.Envelope // of a native call, as all that follows
	exchange        router.Exchange
	bound           router.Bounded
	out             payload
	values          [2]string // in the head of its answer
}

// come begins a visit. It runs on the goroutine that reads the connection. That is where
// gRPC shows metadata without a copy of it.
func (n *node) come(ctx context.Context, info *tap.Info) (context.Context, error) {
	return &visit{Context: ctx, n: n, method: info.FullMethodName, md: info.Header, ours: len(info.Header[messageKey]) > 0}, nil
}

type visitKey struct{}

func (v *visit) Value(key any) any {
	if key == (visitKey{}) {
		return v
	}
	return v.Context.Value(key)
}

// visitOf returns the visit of a call or stream, by its ctx.
func visitOf(ctx context.Context) *visit {
	v := ctx.Value(visitKey{}).(*visit) // which come made of every ctx of this server
	v.ctx = ctx
	return v
}

// serve is where every call and stream comes in that is not of health or reflection.
func (n *node) serve(_ any, stream grpc.ServerStream) error {
	v := visitOf(stream.Context())
	v.stream = stream
	if !n.enter() {
		return v.statusError(transport.ErrClosed)
	}
	defer n.serving.Done()
	if err := v.route(); err != nil {
		return v.statusError(err)
	}
	return nil
}

func (v *visit) route() error {
	if v.method == busLink {
		return v.link() // whoever reaches the node may see whether it lives
	}
	if err := v.authenticate(); err != nil {
		return err
	}
	switch v.method {
	case busSend:
		return v.accept(access.Send, v.send)
	case busPublish:
		return v.accept(access.Publish, v.n.a.router.Publish)
	case busRequest:
		return v.busRequest()
	case busGather:
		return v.gather()
	case busAttach:
		return v.attach()
	}
	return v.request()
}

func (n *node) destinationOf(method string) (string, error) {
	if destination, ok := n.destinations.get(method); ok {
		return destination, nil
	}
	destination, err := destinationOf(method)
	if err == nil {
		n.destinations.put(method, destination)
	}
	return destination, err
}

func (a *adapter) methodOf(destination string) string {
	method, ok := a.methods.get(destination)
	if !ok {
		method = methodOf(destination)
		a.methods.put(destination, method)
	}
	return method
}

// destinationOf is the destination that a method stands for; a method has one dot less, so that no two stand for the same.
func destinationOf(method string) (string, error) {
	service, name, ok := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	destination := service + "." + name
	if !ok || strings.Contains(name, ".") || service == busService || transport.CheckDestination(destination) != nil {
		return "", transport.CodeUnimplemented.Errorf("method %.256q stands for no destination: use /a.b/c for a.b.c", method)
	}
	return destination, nil
}

// methodOf is the method of a destination; empty where it has none, or one that means something else.
func methodOf(destination string) string {
	i := strings.LastIndexByte(destination, '.')
	if i <= 0 {
		return ""
	}
	if destination[:i] == busService {
		return ""
	}
	return "/" + destination[:i] + "/" + destination[i+1:]
}

func takenError(destination string) error {
	return invalid("%s is a method of gRPC's own, or of the bus: give the destination another name", destination)
}

// receive reads the one message of a unary call.
func (v *visit) receive(in *payload) error {
	if err := v.stream.RecvMsg(in); err != nil {
		return err
	}
	switch err := v.stream.RecvMsg(nothing{}); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return transport.CodeUnimplemented.Errorf("%.256s takes one message: streams of a client are for polywire.v1.Bus", v.method)
}

// request serves a method that stands for a destination.
func (v *visit) request() error {
	destination, err := v.n.destinationOf(v.method)
	if err != nil {
		return err
	}
	if err := v.admit(access.Request, destination); err != nil {
		return err
	}
	v.in = payload{borrow: true}
	in := &v.in
	if err := v.receive(in); err != nil {
		return err
	}
	e := &v.env
	e.Kind, e.Peer = transport.KindQueue, v.peer
	e.Destination, e.Body = destination, in.data
	if err := v.read(e); err != nil {
		in.free()
		return err
	}
	defer v.bound.End()
	reply, err := v.n.a.router.RequestIn(v.bounded(e), e, &v.exchange)
	in.free() // the router took its copy
	if err != nil {
		return err
	}
	return v.answer(reply)
}

// read completes e by what is in metadata.
func (v *visit) read(e *transport.Envelope) error {
	if len(e.Body) > v.n.a.setup.MaxBody {
		return tooLarge(v.n.a.setup.MaxBody)
	}
	e.SetField(typeKey, mediaType(v.md, typeProto))
	if err := takeFields(v.md, nil, e); err != nil {
		return err
	}
	return v.complete(e)
}

// bounded is timed for a wait that most often ends before anybody asks for Done. The caller ends v.bound.
func (v *visit) bounded(e *transport.Envelope) context.Context {
	if due, ok := v.ctx.Deadline(); ok && time.Until(due) <= e.Timeout {
		return v.ctx
	}
	v.bound.Bound(v.ctx, e.Timeout, &v.n.timers)
	return &v.bound
}

// timed bounds a call by the time of its message, where gRPC has not done so.
func (v *visit) timed(e *transport.Envelope) (context.Context, context.CancelFunc) {
	if due, ok := v.ctx.Deadline(); ok && time.Until(due) <= e.Timeout {
		return v.ctx, func() {}
	}
	return context.WithTimeout(v.ctx, e.Timeout)
}

// complete checks a message, and sets what its sender left out.
func (v *visit) complete(e *transport.Envelope) error {
	for _, s := range [...]string{e.ID, e.CorrelationID, e.Key, e.ContentType, e.Accept} {
		if len(s) > 2*maxID {
			return invalid("a field of the message is longer than %d bytes", 2*maxID)
		}
	}
	if e.ReplyTo != "" {
		if err := transport.CheckDestination(e.ReplyTo); err != nil {
			return invalid("reply-to: %w", err)
		}
		if err := v.admit(access.Send, e.ReplyTo); err != nil {
			return err
		}
	}
	if e.ID == "" || len(e.ID) > maxID {
		e.ID = rand.Text()
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	if e.Timeout <= 0 {
		e.Timeout = defaultTimeout
		if due, ok := v.ctx.Deadline(); ok {
			e.Timeout = max(time.Until(due), time.Nanosecond)
		}
	}
	e.Timeout = min(e.Timeout, maxTimeout)
	return nil
}

// answer writes what the handler replied.
func (v *visit) answer(reply *transport.Envelope) error {
	if reply.Err != nil {
		return reply.Err
	}
	room := v.n.a.pairs()
	defer v.n.a.keep(room)
	h := head{before: *room, reply: true}
	switch {
	case v.ours:
		reply.Responder = "" // it tells the answers to a gather apart
		h.put(reply)
		if reply.ContentType != nativeType(v.md, typeProto) { // which is that of the answer too
			h.add(typeKey, fieldtext.Escape(reply.ContentType))
		}
	case reply.Header.Len() > 0:
		h.putApplication(reply.Header)
	}
	if err := v.sendHead(&h, reply); err != nil {
		return err
	}
	if len(h.behind) > 0 {
		v.stream.SetTrailer(metadata.Pairs(h.behind...))
	}
	v.out.data, v.out.owned = reply.Body, true
	return v.stream.SendMsg(&v.out)
}

// sendHead sends the head of an answer, where SetHeader would make a copy of it, for what may yet be set.
func (v *visit) sendHead(h *head, reply *transport.Envelope) error {
	switch {
	case v.ours && len(h.before) == 0 && !h.unsorted && reply.Source == v.n.a.setup.Source:
		return v.stream.SendHeader(v.n.plain)
	case v.ours:
		h.add(messageKey, h.message(reply, 0))
	case len(h.before) == 0:
		return nil
	}
	md := make(metadata.MD, len(h.before)/2)
	fill(md, v.values[:0], h.before)
	return v.stream.SendHeader(md)
}

// message reads the message of a unary call of the bus.
func (v *visit) message(verb access.Verb) (*transport.Envelope, *payload, error) {
	in := &payload{borrow: true}
	if err := v.receive(in); err != nil {
		return nil, in, err
	}
	e, err := v.busMessage(in.data, verb)
	return e, in, err
}

func (v *visit) busMessage(b []byte, verb access.Verb) (*transport.Envelope, error) {
	e, err := readMessage(b)
	if err != nil {
		return nil, err
	}
	e.Kind, e.Peer = transport.KindQueue, v.peer
	if verb == access.Publish || verb == access.Gather {
		e.Kind = transport.KindTopic
	}
	if err := transport.CheckDestination(e.Destination); err != nil {
		return nil, err
	}
	if err := v.admit(verb, e.Destination); err != nil {
		return nil, err
	}
	if len(e.Body) > v.n.a.setup.MaxBody {
		return nil, tooLarge(v.n.a.setup.MaxBody)
	}
	return e, v.complete(e)
}

func (v *visit) accept(as access.Verb, verb func(context.Context, *transport.Envelope) error) error {
	e, in, err := v.message(as)
	defer in.free()
	if err != nil {
		return err
	}
	ctx, cancel := v.timed(e)
	defer cancel()
	if err := verb(ctx, e); err != nil {
		return err
	}
	return v.stream.SendMsg(&payload{})
}

// send refuses when the queue is full: a caller that gives up while it waits may not be seen to go before there is room.
func (v *visit) send(ctx context.Context, e *transport.Envelope) error {
	err := v.n.a.router.SendNow(ctx, e)
	if errors.Is(err, transport.CodeResourceExhausted) {
		v.stream.SetTrailer(metadata.Pairs(reasonKey, queueFull))
	}
	return err
}

// busRequest serves a request to a destination that no method stands for.
func (v *visit) busRequest() error {
	e, in, err := v.message(access.Request)
	if err != nil {
		in.free()
		return err
	}
	ctx, cancel := v.timed(e)
	defer cancel()
	reply, err := v.n.a.router.Request(ctx, e)
	in.free() // the router took its copy
	switch {
	case err != nil:
		return err
	case reply.Err != nil:
		return reply.Err
	}
	return v.stream.SendMsg(&payload{data: appendMessage(nil, reply), owned: true})
}
