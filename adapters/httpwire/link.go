package httpwire

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"time"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/internal/http1"
	"github.com/polywire/polywire/transport"
)

// dialLink makes one attempt. What it starts ends with the link or with the adapter.
// Servers that know nothing of polywire answer and end it; then calls that fail tell.
func (a *adapter) dialLink(ctx context.Context, at attach.Place) (*attach.Link, error) {
	e := at.(*endpoint) // which attach.From gave
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
	life, end := context.WithCancel(a.base)
	l := attach.NewLink(end)
	stop, quit := context.AfterFunc(ctx, end), context.AfterFunc(a.opening, end)
	resp, err := use.Conn.get(life, use.Conn.streams, "/healthz?watch", ndjson)
	late, closed := !stop(), !quit()
	if late || closed || err != nil {
		end()
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
		l.Fail(unavailable(e.Address, a.watch(resp.Body, end)))
	}
	if !a.spawn(watch) {
		end()
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
func (c *client) get(ctx context.Context, by caller, path, want string) (*http.Response, error) {
	o := &outgoing{method: http.MethodGet, target: path, idempotent: true}
	if want != "" {
		o.fields = []http1.Field{{Name: accept, Value: want}}
	}
	resp, err := c.do(ctx, by, o)
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
