package httpwire

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/polywire/polywire/internal/router"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

const (
	defaultTimeout = 30 * time.Second
	defaultGather  = 5 * time.Second
	maxTimeout     = 24 * time.Hour
	grace          = 50 * time.Millisecond // a caller's own clock ends its wait, not ours
	maxID          = 128
)

// A visit is one HTTP request that this node serves.
type visit struct {
	n  *node
	w  http.ResponseWriter
	r  *http.Request
	rc *http.ResponseController

	ctx  router.Bounded
	peer *access.Identity // set by authenticate
}

// A wrongMethod is the error of a path that exists, and its method.
type wrongMethod struct{ allowed string }

func (e *wrongMethod) Error() string { return "use " + e.allowed }

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := &visit{n: n, w: w, r: r, rc: http.NewResponseController(w)}
	if !n.enter() {
		v.fail(transport.ErrClosed)
		return
	}
	defer n.serving.Done()
	if err := v.route(); err != nil {
		v.fail(err)
	}
}

func (v *visit) route() error {
	verb, rest, _ := strings.Cut(strings.TrimPrefix(v.r.URL.Path, "/"), "/")
	serve, method := v.verb(verb)
	switch {
	case serve == nil:
		return v.rest()
	case v.r.Method != method:
		return &wrongMethod{method}
	}
	return serve(rest)
}

func (v *visit) verb(name string) (serve func(string) error, method string) {
	switch name {
	case "request":
		return v.request, http.MethodPost
	case "send":
		return v.send, http.MethodPost
	case "publish":
		return v.publish, http.MethodPost
	case "gather":
		return v.gather, http.MethodPost
	case "subscribe":
		return v.subscribe, http.MethodGet
	case "handle":
		return v.handle, http.MethodGet
	case "stream":
		return v.settle, http.MethodPost
	case "healthz":
		return v.health, http.MethodGet
	}
	return nil, ""
}

// fail answers with an error, as long as nothing was written.
func (v *visit) fail(err error) {
	h := v.w.Header()
	wrong := new(wrongMethod)
	if errors.As(err, &wrong) {
		h.Set("Allow", wrong.allowed)
		v.write(encodeProblem(h, transport.CodeUnimplemented.Errorf("this path takes %s alone", wrong.allowed), http.StatusMethodNotAllowed))
		return
	}
	status, body := encodeError(h, asError(err))
	if status == http.StatusUnauthorized {
		h["Www-Authenticate"] = []string{"Bearer"}
	}
	v.write(status, body)
}

func (v *visit) write(status int, body []byte) {
	v.part()
	v.writeSoon()
	v.w.WriteHeader(status)
	_, _ = v.w.Write(body) // a peer that is gone needs no answer
}

// part ends the connection with this answer, where the node leaves: looked at as late as that, since
// the handlers may have gone while the request was on its way to them.
func (v *visit) part() {
	if v.n.leaving.Load() {
		v.w.Header()["Connection"] = []string{"close"}
	}
}

// message reads the message of the request's body and headers, and how long it may take, once the visitor is let in.
func (v *visit) message(verb access.Verb, destination string) (*transport.Envelope, error) {
	if err := transport.CheckDestination(destination); err != nil {
		return nil, err
	}
	if err := v.admit(verb, destination); err != nil {
		return nil, err
	}
	e := &transport.Envelope{Kind: transport.KindQueue, Peer: v.peer}
	e.Destination = destination
	if err := v.fields(e); err != nil {
		return nil, err
	}
	var err error
	if e.Body, err = v.body(v.n.a.setup.MaxBody); err != nil {
		return nil, err
	}
	v.complete(e)
	return e, nil
}

func (v *visit) fields(e *transport.Envelope) error {
	h := v.r.Header
	switch c := strings.Join(h[encoding], ", "); c {
	case "", "identity", "gzip", "zstd": // a field of the message, for whoever reads it
	default:
		return invalid("content-encoding %.32q: send the body as it is, or in gzip or zstd", c)
	}
	if err := takeFields(h, e); err != nil {
		return err
	}
	takeAccept(h, e)
	if e.ContentType == "application/x-www-form-urlencoded" && !ofOurs(h) {
		e.ContentType = "" // what curl says of any body
	}
	if e.ReplyTo != "" {
		if err := transport.CheckDestination(e.ReplyTo); err != nil {
			return invalid("reply-to: %w", err)
		}
		if err := v.admit(access.Send, e.ReplyTo); err != nil {
			return err
		}
	}
	for _, s := range [...]string{e.ID, e.CorrelationID, e.Key, e.ContentType, e.Accept} {
		if len(s) > 2*maxID {
			return invalid("a field of the message is longer than %d bytes", 2*maxID)
		}
	}
	return nil
}

// complete sets what the sender left out.
func (v *visit) complete(e *transport.Envelope) {
	if e.ID == "" || len(e.ID) > maxID {
		e.ID = rand.Text()
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	if e.Timeout <= 0 {
		e.Timeout = defaultTimeout
	}
	e.Timeout = min(e.Timeout, maxTimeout)
}

// body reads the whole body, in the time that limits give for it. Afterwards the
// connection has no deadline, so that the end of the peer is noticed however long the answer takes.
func (v *visit) body(limit int) ([]byte, error) {
	body, err := readBody(v.r.Body, v.r.ContentLength, limit)
	if err == nil {
		v.noDeadline()
		return body, nil
	}
	if e := new(transport.Error); errors.As(err, &e) {
		v.w.Header().Set("Connection", "close") // the rest of the body is not read
		return nil, err
	}
	return nil, invalid("the body cannot be read: %w", err)
}

func (v *visit) noDeadline() {
	_ = v.rc.SetReadDeadline(time.Time{})
	_ = v.rc.SetWriteDeadline(time.Time{})
}

// send refuses when the queue is full: a visitor that gives up while it waits is not seen to go before there is room.
func (v *visit) send(destination string) error {
	return v.accept(access.Send, destination, func(ctx context.Context, e *transport.Envelope) error {
		err := v.n.a.router.SendNow(ctx, e)
		if errors.Is(err, transport.CodeResourceExhausted) {
			v.w.Header()[reasonField] = []string{queueFull}
		}
		return err
	})
}

func (v *visit) publish(destination string) error {
	return v.accept(access.Publish, destination, v.n.a.router.Publish)
}

func (v *visit) accept(as access.Verb, destination string, verb func(context.Context, *transport.Envelope) error) error {
	e, err := v.message(as, destination)
	if err != nil {
		return err
	}
	ctx := v.within(e.Timeout)
	defer ctx.End()
	if err := verb(ctx, e); err != nil {
		return err
	}
	v.write(http.StatusAccepted, nil)
	return nil
}

func (v *visit) request(destination string) error {
	e, err := v.message(access.Request, destination)
	if err != nil {
		return err
	}
	ctx := v.within(e.Timeout)
	defer ctx.End()
	reply, err := v.n.a.router.Request(ctx, e)
	if err != nil {
		return err
	}
	reply.ID, reply.Responder, reply.Time, reply.Timeout = "", "", time.Time{}, 0 // nobody has seen them, and the caller's Conn makes its own
	status, body := encodeReply(v.w.Header(), reply)
	v.write(status, body)
	return nil
}

// within is the ctx of the visitor's message, which may take so long.
func (v *visit) within(timeout time.Duration) *router.Bounded {
	v.ctx.Bound(v.r.Context(), timeout+grace, &v.n.timers)
	return &v.ctx
}

// health answers whether the node is there; with ?watch it goes on to do so.
func (v *visit) health(string) error {
	v.w.Header()[nodeField] = []string{"1"}
	if !v.r.URL.Query().Has("watch") {
		v.w.Header()[contentType] = []string{"text/plain; charset=utf-8"}
		v.write(http.StatusOK, []byte("ok\n"))
		return nil
	}
	v.w.Header()[contentType] = []string{ndjson}
	v.noDeadline()
	tick := time.NewTicker(v.n.a.limits.ping)
	defer tick.Stop()
	alive := &eventWriter{v: v}
	for {
		if alive.ping() != nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-v.r.Context().Done():
			return nil
		case <-v.n.closing:
			return nil
		}
	}
}

// wantsSSE reports whether the peer wants events as EventSource reads them.
func (v *visit) wantsSSE() bool {
	return slices.ContainsFunc(v.r.Header.Values(accept), func(s string) bool { return strings.Contains(s, eventStream) })
}

// begin starts an answer of many events, in the form that the peer wants, and sends its head.
func (v *visit) begin() *eventWriter {
	sse := v.wantsSSE()
	h := v.w.Header()
	h[contentType] = []string{ndjson}
	if sse {
		h[contentType] = []string{eventStream}
	}
	h["Cache-Control"] = []string{"no-store"}
	h["X-Accel-Buffering"] = []string{"no"}
	v.noDeadline()
	v.part()
	v.writeSoon()
	v.w.WriteHeader(http.StatusOK)
	_ = v.flush() // what is written next fails too
	return &eventWriter{v: v, sse: sse}
}
