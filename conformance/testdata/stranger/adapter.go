package stranger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport"
)

// Factory opens adapters for hub://HOST:PORT, which has no options.
func Factory() transport.Factory {
	return transport.Factory{
		Name:    "stranger",
		Schemes: []string{"hub"},
		Features: func(u *url.URL) (transport.Features, error) {
			return features(), check(u)
		},
		Open: open,
	}
}

// features are what the hub does. It keeps no order of a key among competing consumers, and nothing across its own restart.
func features() transport.Features {
	return transport.Features{
		Adapter: "stranger",
		Send:    true, Request: true, Publish: true, Gather: true, Groups: true, Wildcards: true,
		Acceptance:                transport.Queued,
		DetectsNoHandlerOnRequest: true,
		RelativeExpiry:            true,
		Redelivers:                true,
		DetachedReply:             true,
		MaxBody:                   maxBody,
	}
}

func check(u *url.URL) error {
	if u.Port() == "" || u.Opaque != "" || u.User != nil || strings.Trim(u.Path, "/") != "" {
		return transport.CodeInvalidArgument.Errorf("stranger: the URL is hub://HOST:PORT: leave out user and path")
	}
	for key := range u.Query() {
		return transport.CodeInvalidArgument.Errorf("stranger: unknown option %.64q: hub URLs have none", key)
	}
	return nil
}

// An adapter is one Conn's connection to the hub, made anew when it is lost.
type adapter struct {
	setup   transport.Setup
	base    context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup // every goroutine
	closing atomic.Bool

	mu     sync.Mutex // guards the fields below
	link   *link      // nil while the connection is lost
	bounds map[uint64]*bound
	next   uint64
}

func open(ctx context.Context, s transport.Setup) (transport.Adapter, error) {
	if err := check(s.URL); err != nil {
		return nil, err
	}
	a := &adapter{setup: s, bounds: map[uint64]*bound{}}
	l, err := a.dial(ctx)
	if err != nil {
		return nil, err
	}
	a.base, a.cancel = context.WithCancel(context.Background())
	a.link = l
	a.running.Go(func() { a.run(l) })
	if err := a.Ping(ctx); err != nil { // what listens there might be no hub
		_ = a.Close(ctx)
		return nil, err
	}
	return a, nil
}

func (a *adapter) Features() transport.Features { return features() }

// Ping is a round trip for Conn.Health.
func (a *adapter) Ping(ctx context.Context) error { return a.call(ctx, &frame{Op: "ping"}) }

func (a *adapter) Send(ctx context.Context, e *transport.Envelope) error    { return a.send(ctx, e) }
func (a *adapter) Publish(ctx context.Context, e *transport.Envelope) error { return a.send(ctx, e) }

// send is all of Send and Publish: kind and name tell the hub what to do.
func (a *adapter) send(ctx context.Context, e *transport.Envelope) error {
	f := &frame{
		Op: "send", Kind: e.Kind.String(), Name: e.Destination, body: e.Body,
		Timeout: int64(e.Timeout), Waits: e.Kind == transport.KindQueue && e.ReplyAddress != "",
	}
	if e.Kind == transport.KindReply {
		f.Name = e.ReplyAddress
	}
	for key, value := range e.Fields() {
		f.Fields = append(f.Fields, [2]string{key, value})
	}
	return a.call(ctx, f)
}

// envelope is the way back. What the hub says of a message counts, whatever its fields claim.
func envelope(kind transport.Kind, f *frame) *transport.Envelope {
	e := &transport.Envelope{}
	for _, field := range f.Fields {
		e.SetField(field[0], field[1])
	}
	e.Kind, e.Body, e.Attempt, e.Timeout = kind, f.body, f.Attempt, time.Duration(f.Timeout)
	if kind != transport.KindReply {
		e.Destination = f.Name
	}
	return e
}

func (a *adapter) Bind(ctx context.Context, b transport.Binding, sink transport.Sink) (transport.Bound, error) {
	out := &bound{a: a, kind: b.Kind, sink: sink, frame: frame{Op: "bind", Kind: b.Kind.String(), Name: b.Pattern, Group: b.Group, Credit: b.Credit}}
	if b.Kind == transport.KindReply {
		out.frame.Name = rand.Text() // who knows it can answer
	}
	a.mu.Lock()
	a.next++
	out.frame.Binding = a.next
	a.bounds[a.next] = out // before the hub knows of it: the first delivery may be faster than the receipt
	a.mu.Unlock()
	f := out.frame
	if err := a.call(ctx, &f); err != nil {
		out.forget()
		a.post(&frame{Op: "unbind", Binding: f.Binding}) // it may be in effect all the same
		return nil, err
	}
	return out, nil
}

// Close refuses calls and settlements from now on, so that what handlers still hold returns
// to the hub, then says goodbye, so that the hub knows what was settled before, and ends everything.
func (a *adapter) Close(ctx context.Context) error {
	a.mu.Lock()
	l := a.link
	a.mu.Unlock()
	if !a.closing.Swap(true) && l != nil {
		_ = l.call(ctx, &frame{Op: "bye"}) // best effort: what it does not learn to be settled comes again
	}
	a.cancel()
	ended := make(chan struct{})
	go func() { // ends with the goroutines, whose connection is cut
		a.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A bound is a binding in effect, over all connections that come.
type bound struct {
	a     *adapter
	kind  transport.Kind
	sink  transport.Sink
	frame frame // that makes it

	mu   sync.Mutex // held around Deliver, which never blocks and may settle
	gone bool
}

func (b *bound) ReplyAddress() string {
	if b.kind == transport.KindReply {
		return b.frame.Name
	}
	return ""
}

func (b *bound) Unbind(ctx context.Context) error {
	b.forget()
	err := b.a.call(ctx, &frame{Op: "unbind", Binding: b.frame.Binding})
	if errors.Is(err, transport.ErrClosed) || errors.Is(err, transport.CodeUnavailable) {
		return nil // it ended with its connection
	}
	return err
}

// forget ends deliveries: after it returned Deliver is not called again.
func (b *bound) forget() {
	b.a.mu.Lock()
	delete(b.a.bounds, b.frame.Binding)
	b.a.mu.Unlock()
	b.mu.Lock()
	b.gone = true
	b.mu.Unlock()
}

// take delivers f; false when nobody wants it any more.
func (b *bound) take(d *delivery) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.gone {
		b.sink.Deliver(d)
	}
	return !b.gone
}

// A delivery belongs to the link that it came by: its tag means nothing on another.
type delivery struct {
	a       *adapter
	link    *link
	tag     uint64
	e       *transport.Envelope
	settled atomic.Bool
}

func (d *delivery) Envelope() *transport.Envelope { return d.e }

func (d *delivery) Reply(ctx context.Context, e *transport.Envelope) error { return d.a.Send(ctx, e) }

func (d *delivery) Extend(context.Context) error { return nil } // the hub waits as long as the connection lives

func (d *delivery) Accept(ctx context.Context) error { return d.settle(ctx, "accept") }

func (d *delivery) Release(ctx context.Context) error { return d.settle(ctx, "release") }

// settle waits for no receipt: it may be called within Deliver, on the goroutine that would read it.
func (d *delivery) settle(ctx context.Context, op string) error {
	if d.settled.Swap(true) || d.a.closing.Load() {
		return transport.ErrStale
	}
	if err := d.link.post(ctx, &frame{Op: op, Tag: d.tag}); err != nil && ctx.Err() == nil {
		return transport.ErrStale
	}
	return ctx.Err()
}

func (a *adapter) dial(ctx context.Context) (*link, error) {
	l, err := connect(ctx, a.setup.URL.Host)
	if err != nil {
		return nil, transport.CodeUnavailable.Errorf("no hub answers: start it, or check the URL: %w", err)
	}
	return l, nil
}

// run serves one link after the other until Close.
func (a *adapter) run(l *link) {
	for {
		err := a.serve(l)
		a.mu.Lock()
		a.link = nil
		a.mu.Unlock()
		if a.base.Err() != nil {
			return
		}
		a.setup.Connected(transport.CodeUnavailable.Errorf("the connection to the hub was lost: %w", err))
		if l = a.redial(); l == nil {
			return
		}
		a.mu.Lock()
		a.link = l
		a.mu.Unlock()
		a.running.Go(func() { a.rebind(l) })
	}
}

// redial tries until a hub answers, with full jitter: up to 1 s in the first minute, then up to 30 s. It is nil after Close.
func (a *adapter) redial() *link {
	for lost := time.Now(); ; {
		most := time.Second
		if time.Since(lost) > time.Minute {
			most = 30 * time.Second
		}
		select {
		case <-time.After(mrand.N(most)):
		case <-a.base.Done():
			return nil
		}
		ctx, cancel := context.WithTimeout(a.base, 10*time.Second)
		l, err := a.dial(ctx)
		cancel()
		if err == nil {
			return l
		}
	}
}

// rebind makes the bindings anew and then lets the core call again. When it fails the link is given up, and the next one tries.
func (a *adapter) rebind(l *link) {
	a.mu.Lock()
	frames := make([]frame, 0, len(a.bounds))
	for _, b := range a.bounds {
		frames = append(frames, b.frame)
	}
	a.mu.Unlock()
	ctx, cancel := context.WithTimeout(a.base, 10*time.Second)
	defer cancel()
	for _, f := range frames {
		if err := l.call(ctx, &f); err != nil {
			_ = l.conn.Close()
			return
		}
		a.mu.Lock()
		_, wanted := a.bounds[f.Binding]
		a.mu.Unlock()
		if !wanted {
			a.post(&frame{Op: "unbind", Binding: f.Binding})
		}
	}
	a.setup.Connected(nil)
}

func (a *adapter) serve(l *link) error {
	stop := context.AfterFunc(a.base, func() { _ = l.conn.Close() })
	defer stop()
	a.running.Go(l.write)
	return l.read(func(f *frame) { a.deliver(l, f) })
}

func (a *adapter) deliver(l *link, f *frame) {
	a.mu.Lock()
	b := a.bounds[f.Binding]
	a.mu.Unlock()
	d := &delivery{a: a, link: l, tag: f.Tag}
	if b != nil {
		d.e = envelope(b.kind, f)
	}
	if b == nil || !b.take(d) {
		_ = d.Release(a.base) // somebody else may want it
	}
}

// failure gives what a call ended with the code that callers see.
func failure(err error) error {
	var no *refused
	var code transport.Code
	switch {
	case errors.Is(err, errLost):
		return transport.CodeUnavailable.Errorf("%w", err)
	case !errors.As(err, &no):
		return err // nil, or that of ctx
	case no.code == "no_handler":
		return fmt.Errorf("stranger: %w", transport.ErrNoHandler)
	case code.UnmarshalText([]byte(no.code)) != nil:
		code = transport.CodeUnavailable
	}
	return code.Errorf("%s", no.text)
}

// call is link.call on the present link.
func (a *adapter) call(ctx context.Context, f *frame) error {
	a.mu.Lock()
	l := a.link
	a.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case a.closing.Load():
		return transport.ErrClosed
	case l == nil:
		return failure(errLost)
	}
	err := l.call(ctx, f)
	if errors.Is(err, errLost) && a.closing.Load() {
		return transport.ErrClosed
	}
	return failure(err)
}

// post is call without an answer, for what may as well be lost.
func (a *adapter) post(f *frame) {
	a.mu.Lock()
	l := a.link
	a.mu.Unlock()
	if l != nil {
		_ = l.post(a.base, f)
	}
}
