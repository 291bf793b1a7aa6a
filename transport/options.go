package transport

import (
	"context"
	"log/slog"
	"time"

	"github.com/polywire/polywire/transport/access"
	"github.com/polywire/polywire/transport/internal/settle"
)

// Defaults of a Conn (semantics §1.8, §2.4, §3.1, §6, §7.1).
const (
	defaultTimeout     = 30 * time.Second
	defaultGather      = 5 * time.Second
	defaultDrain       = 30 * time.Second
	defaultMaxBody     = 4 << 20
	defaultConcurrency = 256
	maxWaiters         = 16384
	maxWaitingBytes    = 64 << 20
	minCredit          = 64
	maxGatherReplies   = 16384
	maxConcurrency     = 1 << 16
	settleTime         = 5 * time.Second // for a settlement or a reply after the handler's time
)

// An Option configures a [Conn] when it is opened.
type Option func(*connOptions)

type connOptions struct {
	service  string
	services []Service
	logger   *slog.Logger
	maxBody  int
	outbound []func(Outbound) Outbound
	inbound  []func(Handler) Handler
	access   *access.Policy
}

// WithService names this process, for Message.Source and to find its own row
// in table, which says who owns which destinations on wires without a broker.
func WithService(name string, table ...Service) Option {
	return func(o *connOptions) { o.service, o.services = name, table }
}

// WithLogger sends what goes wrong out of any caller's sight to l: panics of
// handlers, dead letters, lost connections. The default is silence.
func WithLogger(l *slog.Logger) Option { return func(o *connOptions) { o.logger = l } }

// WithMaxBody lowers the limit of a body, in bytes, on both sides. The default is 4 MiB.
func WithMaxBody(n int) Option { return func(o *connOptions) { o.maxBody = n } }

// WithAccess says who others are, what they may do, and what this process shows of itself to
// those it calls. The default asks nobody; see package access.
func WithAccess(p access.Policy) Option { return func(o *connOptions) { o.access = &p } }

// Outbound is one step of what happens to an outbound message, whatever the
// style: op is "send", "request", "publish" or "gather". The reply is nil but for a request.
// A step may change a Clone of msg, not msg.
type Outbound func(ctx context.Context, op string, msg *Message) (reply *Message, err error)

// WithOutbound wraps all outbound calls; the first middleware is the outermost.
func WithOutbound(middleware ...func(next Outbound) Outbound) Option {
	return func(o *connOptions) { o.outbound = append(o.outbound, middleware...) }
}

// WithInbound wraps all handlers; the first middleware is the outermost.
func WithInbound(middleware ...func(next Handler) Handler) Option {
	return func(o *connOptions) { o.inbound = append(o.inbound, middleware...) }
}

// A CallOption changes one call of Send, Request, RequestAsync, Publish or Gather.
type CallOption func(*callOptions)

type callOptions struct {
	failFast   bool
	idempotent bool
	acceptance Acceptance
	max        int
	stall      time.Duration
}

// WithFailFast refuses the call with CodeUnavailable when the connection is down, instead of waiting for it within ctx.
func WithFailFast() CallOption { return func(o *callOptions) { o.failFast = true } }

// WithIdempotent declares that handling the message twice does no harm: it is
// then accepted only after its reply was handed over, and may be retried.
func WithIdempotent() CallOption { return func(o *callOptions) { o.idempotent = true } }

// WithAcceptance asks for another level than Features.Acceptance; a level that
// the wire lacks fails with CodeUnimplemented.
func WithAcceptance(level Acceptance) CallOption {
	return func(o *callOptions) { o.acceptance = level }
}

// WithMax ends a Gather at its n-th reply.
func WithMax(n int) CallOption { return func(o *callOptions) { o.max = n } }

// WithStall ends a Gather when no reply came for d since the last one, or since the start.
func WithStall(d time.Duration) CallOption { return func(o *callOptions) { o.stall = d } }

// A BindOption configures one Handle or Subscribe.
type BindOption func(*bindOptions)

type bindOptions struct {
	group       string
	concurrency int
	retry       settle.Policy
}

func defaultBindOptions(kind Kind) bindOptions {
	if kind == KindTopic {
		return bindOptions{concurrency: 1}
	}
	return bindOptions{concurrency: defaultConcurrency}
}

// WithGroup makes all subscriptions of that group, in all processes, share the messages: each goes to one member.
func WithGroup(name string) BindOption { return func(o *bindOptions) { o.group = name } }

// WithConcurrency lets n handlers run at once. The default is 256 for Handle and 1 for Subscribe.
// Messages of one Key are handled one after the other all the same.
func WithConcurrency(n int) BindOption { return func(o *bindOptions) { o.concurrency = n } }

// WithRetry changes how often and when a message comes again whose handler
// failed: attempts in all, the first wait, which doubles, and the longest wait.
// The default is 5, 1 s, 60 s; zero keeps a default.
func WithRetry(attempts int, first, longest time.Duration) BindOption {
	return func(o *bindOptions) {
		o.retry = settle.Policy{Attempts: attempts, First: first, Max: longest}
	}
}

func (o *bindOptions) check(kind Kind, f *Features) error {
	switch {
	case o.concurrency < 1 || o.concurrency > maxConcurrency:
		return invalid("concurrency %d: use 1 to %d", o.concurrency, maxConcurrency)
	case o.retry.Attempts < 0 || o.retry.First < 0 || o.retry.Max < 0:
		return invalid("retry %d, %v, %v: use positive values, or 0 for the default", o.retry.Attempts, o.retry.First, o.retry.Max)
	case o.group != "" && kind == KindQueue:
		return invalid("WithGroup(%q) is for Subscribe: the handlers of a destination share its messages anyway", clip(o.group, maxGroup))
	case o.group != "" && !f.Groups:
		return missing("Groups")
	}
	return checkGroup(o.group)
}

func (o *callOptions) check(op string, f *Features) error {
	switch {
	case o.max < 0 || o.stall < 0:
		return invalid("WithMax(%d), WithStall(%v): use positive values", o.max, o.stall)
	case op != opGather && (o.max > 0 || o.stall > 0):
		return invalid("WithMax and WithStall are for Gather")
	case o.acceptance != 0 && op != opSend && op != opPublish:
		return invalid("WithAcceptance is for Send and Publish")
	case !f.accepts(o.acceptance):
		return CodeUnimplemented.Errorf("acceptance %s is missing from Features.Acceptances; the default here is %s", o.acceptance, f.Acceptance)
	}
	return nil
}
