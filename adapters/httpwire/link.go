package httpwire

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/polywire/polywire/internal/reconnect"
	"github.com/polywire/polywire/transport"
)

// A link is a connection that a peer holds open while it lives, so that its end
// is noticed at once. Servers that know nothing of polywire answer and end
// it; then calls that fail tell. It implements [reconnect.Session].
type link struct {
	cancel context.CancelFunc
	once   sync.Once
	done   chan struct{} // closed by fail
	err    error         // written before done is closed
}

func (l *link) Done() <-chan struct{} { return l.done }
func (l *link) Err() error            { return l.err }

// fail ends the link.
func (l *link) fail(err error) {
	l.once.Do(func() {
		l.err = err
		close(l.done)
		l.cancel()
	})
}

// link returns the supervised link to e, and makes it when it is the first to ask.
func (a *adapter) link(ctx context.Context, e *endpoint) (*reconnect.Supervisor[*link], error) {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil, transport.ErrClosed
	}
	p := a.links[e]
	mine := p == nil
	if mine {
		p = &peerLink{ready: make(chan struct{})}
		a.links[e] = p
	}
	a.mu.Unlock()
	if mine {
		a.firstLink(ctx, e, p)
	}
	select {
	case <-p.ready:
		return p.sup, p.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// firstLink makes the first attempt. When that fails, the next who asks makes another.
func (a *adapter) firstLink(ctx context.Context, e *endpoint, p *peerLink) {
	defer close(p.ready)
	first, err := a.dialLink(ctx, e)
	if err != nil {
		p.err = err
		a.mu.Lock()
		delete(a.links, e)
		a.mu.Unlock()
		return
	}
	config := reconnect.Config[*link]{Dial: func(ctx context.Context) (*link, error) { return a.relink(ctx, e) }}
	if only := a.homes.Only(); only != nil && a.setup.Connected != nil {
		if fixed, ok := only.Fixed(); ok && fixed == e {
			config.Told = a.setup.Connected
		}
	}
	p.sup = reconnect.Start(first, config)
}

// relink is dialLink with all bindings in effect again.
func (a *adapter) relink(ctx context.Context, e *endpoint) (*link, error) {
	l, err := a.dialLink(ctx, e)
	if err != nil {
		return nil, err
	}
	for _, r := range a.remotes(e) {
		if err := r.attach(ctx, l); err != nil && !r.refused(err) {
			l.fail(err)
			return nil, err
		}
	}
	return l, nil
}

func (a *adapter) remotes(e *endpoint) []*remote {
	a.mu.Lock()
	bindings := maps.Clone(a.bindings)
	a.mu.Unlock()
	var found []*remote
	for b := range bindings {
		for _, r := range b.all() {
			if r.e == e {
				found = append(found, r)
			}
		}
	}
	return found
}

// dialLink makes one attempt. What it starts ends with the link or with the adapter.
func (a *adapter) dialLink(ctx context.Context, e *endpoint) (*link, error) {
	use, ok := e.Take()
	if !ok {
		return nil, departed(e)
	}
	kept := false
	defer func() {
		if !kept {
			use.Release()
		}
	}()
	l := &link{done: make(chan struct{})}
	var life context.Context
	life, l.cancel = context.WithCancel(a.base)
	stop, quit := context.AfterFunc(ctx, l.cancel), context.AfterFunc(a.opening, l.cancel)
	resp, err := use.Conn.get(life, use.Conn.streams, "/healthz?watch", ndjson)
	late, closed := !stop(), !quit()
	if late || closed || err != nil {
		l.cancel()
		if err == nil {
			_ = resp.Body.Close()
		}
		switch {
		case closed:
			return nil, transport.ErrClosed
		case late:
			return nil, ctx.Err()
		}
		return nil, err
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get(nodeField) == "" {
		_ = resp.Body.Close() // a foreign server, which answers: that is all there is to know
		return l, nil
	}
	watch := func() {
		defer use.Release()
		defer resp.Body.Close()
		l.fail(unavailable(e.Address, a.watch(resp.Body, l.cancel)))
	}
	if !a.spawn(watch) {
		l.cancel()
		_ = resp.Body.Close()
		return nil, transport.ErrClosed
	}
	kept = true
	return l, nil
}

// watch reads signs of life until they end.
func (a *adapter) watch(body io.Reader, cancel context.CancelFunc) error {
	silence := time.AfterFunc(a.limits.silence, cancel)
	defer silence.Stop()
	r := &eventReader{from: bufio.NewReader(body), limit: 1 << 10, alive: func() { silence.Reset(a.limits.silence) }}
	for {
		if _, err := r.next(); err != nil {
			return err
		}
	}
}

// get asks an endpoint for path, by one of its clients, in a form that it wants.
func (c *client) get(ctx context.Context, by *http.Client, path, want string) (*http.Response, error) {
	req, err := c.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	if want != "" {
		req.Header[accept] = []string{want}
	}
	resp, err := c.a.do(by.Transport, req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, unavailable(c.address, err)
	}
	return resp, nil
}

// refused reports whether err says that no connection was made, so that nothing was sent.
func refused(err error) bool {
	op := new(net.OpError)
	return errors.As(err, &op) && op.Op == "dial"
}

// unavailable is the error of a peer that gave no answer.
func unavailable(host string, err error) *transport.Error {
	if coded := new(transport.Error); errors.As(err, &coded) { // it was not asked: credentials are missing, or not for it
		return coded
	}
	if untrusted := new(tls.CertificateVerificationError); errors.As(err, &untrusted) {
		return transport.CodeUnauthenticated.Errorf("%s shows a certificate that is not trusted; name the file of its authority by ca: %w", host, untrusted.Err)
	}
	if op := new(net.OpError); errors.As(err, &op) && op.Op == "remote error" { // an alert of TLS
		return transport.CodeUnauthenticated.Errorf("%s ended the handshake of TLS; where it asks for a certificate, give cert and key that it trusts: %w", host, op.Err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return transport.CodeUnavailable.Errorf("%s closed the connection: %w", host, &silenced{err})
	}
	return transport.CodeUnavailable.Errorf("%s cannot be reached: %w", host, &silenced{err})
}

// A silenced error shows nothing of what it quotes: net/http quotes the lines of
// a header that it cannot read, and what stands there is nobody's to see.
type silenced struct{ error }

func (s *silenced) Unwrap() error { return s.error }
func (s *silenced) Error() string { return quoted.ReplaceAllLiteralString(s.error.Error(), "…") }

var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"?`)

// suspect tells the link to e that a call could not reach it.
func (a *adapter) suspect(e *endpoint, err error) {
	a.mu.Lock()
	p := a.links[e]
	a.mu.Unlock()
	if p == nil {
		return
	}
	select {
	case <-p.ready:
	default:
		return
	}
	if p.sup == nil {
		return
	}
	if l, live := p.sup.Current(); live {
		l.fail(err)
	}
}
