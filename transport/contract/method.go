package contract

import (
	"context"
	"errors"

	"github.com/polywire/polywire/transport"
)

// A Method is answered by one handler: request/response, at once or later.
type Method[Req, Resp any] struct{ s *spec }

// NewMethod declares a method. Req and Resp are what messages hold, or None.
func NewMethod[Req, Resp any](destination string, opts ...Option) *Method[Req, Resp] {
	return &Method[Req, Resp]{newSpec[Req, Resp](styleMethod, destination, opts)}
}

// Destination is where requests go.
func (m *Method[Req, Resp]) Destination() string { return m.s.destination }

func (m *Method[Req, Resp]) spec() *spec { return m.s }

// On resolves codec, route and plan once, for calls on bus. What is wrong with
// the declaration, or with the types for that codec, every call then returns.
func (m *Method[Req, Resp]) On(bus Bus) *Requester[Req, Resp] {
	return &Requester[Req, Resp]{m.s.on(bus)}
}

// Handle serves the method with h. It returns when that is in effect, and fails
// when the declaration is wrong or the codec refuses a type. h is not entered
// for a message that cannot be read: its caller gets CodeInvalidArgument.
//
// A reply of nil is empty; callers who expect a value get an error.
func (m *Method[Req, Resp]) Handle(ctx context.Context, bus Bus, h func(context.Context, *Req) (*Resp, error),
	opts ...transport.BindOption) (*transport.Subscription, error) {
	p := m.s.on(bus)
	if err := p.ready("handle", h != nil); err != nil {
		return nil, err
	}
	return bus.Handle(ctx, m.s.destination, serve(p, h), opts...)
}

// Defer lets the handler of ctx return before it has the answer; what it
// returns is then ignored. The answer is given, once, by reply, from any
// goroutine, as [transport.Deferred] says. bus is the one that the handler serves.
func (m *Method[Req, Resp]) Defer(ctx context.Context, bus Bus) (reply func(*Resp, error) error, err error) {
	p := m.s.on(bus)
	if err := p.ready("defer", true); err != nil {
		return nil, err
	}
	msg := transport.Inbound(ctx)
	if msg == nil {
		return nil, p.fail("defer", transport.CodeFailedPrecondition, errors.New("ctx is not that of a handler: pass on the one it was given"))
	}
	asked := &transport.Message{Accept: msg.Accept, ContentType: msg.ContentType}
	later, err := msg.Defer()
	if err != nil {
		return nil, err
	}
	return func(value *Resp, failure error) error {
		out, err := concludeLater(p, asked, value, failure)
		return later.Reply(out, err)
	}, nil
}

// concludeLater is conclude on a goroutine of the user's, where no core isolates panics.
func concludeLater[Resp any](p *plan, msg *transport.Message, value *Resp, failure error) (out *transport.Message, err error) {
	defer func() {
		if panicked, ok := err.(*panicError); ok { //nolint:errorlint // set by recovered alone
			err = transport.CodeInternal.Errorf("the reply cannot be written: %w", panicked)
		}
	}()
	defer recovered(&err, "the codec")
	return conclude(p, msg, value, failure)
}

// serve is the handler of bytes around a handler of values.
func serve[Req, Resp any](p *plan, h func(context.Context, *Req) (*Resp, error)) transport.Handler {
	return func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		request := new(Req)
		if err := p.read(msg, request); err != nil {
			return nil, err
		}
		value, err := h(ctx, request)
		return conclude(p, msg, value, err)
	}
}

// conclude makes the reply to msg of what a handler of values returned.
func conclude[Resp any](p *plan, msg *transport.Message, value *Resp, err error) (*transport.Message, error) {
	switch {
	case err != nil:
		return nil, p.declare(msg, err)
	case value == nil:
		return nil, nil
	}
	return p.reply(msg, value)
}

// A Requester calls a [Method] on one bus. It is safe for concurrent use; make it once and keep it.
type Requester[Req, Resp any] struct{ p *plan }

// With returns a Requester whose messages edit may change before they are sent:
// header, timeout, ids and the rest. edit must not keep the message.
func (r *Requester[Req, Resp]) With(edit func(*transport.Message)) *Requester[Req, Resp] {
	return &Requester[Req, Resp]{r.p.with(edit)}
}

// Request sends in and waits for the reply, as [transport.Conn.Request] does. A
// failure that the method declares is found by errors.As. A reply that cannot be
// read has CodeInternal.
func (r *Requester[Req, Resp]) Request(ctx context.Context, in *Req, opts ...transport.CallOption) (*Resp, error) {
	out, err := r.p.write("request", in, in == nil)
	if err != nil {
		return nil, err
	}
	reply, err := r.p.bus.Request(ctx, &out.msg, r.p.callOptions(opts)...)
	r.p.recycle(out)
	return receive[Resp](r.p, "request", reply, err)
}

// RequestAsync sends in and does not wait, as [transport.Conn.RequestAsync] does.
func (r *Requester[Req, Resp]) RequestAsync(ctx context.Context, in *Req, opts ...transport.CallOption) (*Future[Resp], error) {
	out, err := r.p.write("request", in, in == nil)
	if err != nil {
		return nil, err
	}
	future, err := r.p.bus.RequestAsync(ctx, &out.msg, r.p.callOptions(opts)...)
	r.p.recycle(out)
	if err != nil {
		return nil, err
	}
	return &Future[Resp]{future, r.p}, nil
}

// Send sends in and lets the answer be sent to a queue, for answers that outlive
// their caller. An error of the handler is not sent there. answers may be nil.
func (r *Requester[Req, Resp]) Send(ctx context.Context, in *Req, answers *Queue[Resp], opts ...transport.CallOption) error {
	out, err := r.p.write("send", in, in == nil)
	if err != nil {
		return err
	}
	if answers != nil {
		out.msg.ReplyTo = answers.Destination()
	}
	err = r.p.bus.Send(ctx, &out.msg, r.p.callOptions(opts)...)
	r.p.recycle(out)
	return err
}

// receive reads the outcome of a request.
func receive[Resp any](p *plan, op string, reply *transport.Message, err error) (*Resp, error) {
	if err != nil {
		return nil, p.failed(err)
	}
	value := new(Resp)
	if err := p.answer(op, reply, value); err != nil {
		return nil, err
	}
	return value, nil
}

// A Future is the answer to a RequestAsync, once it comes. Methods may be called concurrently.
type Future[Resp any] struct {
	future *transport.Future
	p      *plan
}

// Await returns the answer or the request's error. Its ctx bounds this wait
// alone. Each call returns a value of its own.
func (f *Future[Resp]) Await(ctx context.Context) (*Resp, error) {
	reply, err := f.future.Await(ctx)
	return receive[Resp](f.p, "await", reply, err)
}

// Done is closed once Await would not wait.
func (f *Future[Resp]) Done() <-chan struct{} { return f.future.Done() }

// Cancel gives up: Await returns CodeCanceled, unless the answer was there first.
func (f *Future[Resp]) Cancel() { f.future.Cancel() }
