// Package compress is the middleware that makes large bodies small on the wire.
//
//	Send, Publish ─────────────▶ agreed? ──────────▶ content-encoding: zstd ─▶ inflate, within the limit ─▶ Handler
//	Request, Gather ─▶ accept-encoding: zstd, gzip ─▶                                                        │
//	      inflate ◀─ content-encoding, accept-encoding ◀─ compress, when the caller reads it ◀───────────────┘
//
// Nobody is sent what he cannot read:
//
//   - every request and gather says in accept-encoding what its sender reads, and
//     a reply is compressed only for one who said so;
//   - a reply says it too, and from then on requests to that destination are
//     compressed (RFC 7694). One refused with CodeInvalidArgument makes the sender forget it;
//   - what has no reply travels plain, unless [WithAgreement] says that all peers
//     of the Conn have this middleware.
//
// Both are fields of the application's header, which every wire carries; over
// HTTP they are the Content-Encoding and Accept-Encoding that curl knows. The
// middleware reserves them: handlers and callers see neither, a message that has a
// content-encoding already is passed on as it is, and an unknown one is refused by name.
//
// Limits hold while a body inflates, so a bomb costs no more memory than an
// honest body of the largest size, and before any codec sees it.
package compress

import (
	"fmt"
	"strings"
	"sync"

	"github.com/polywire/polywire/transport"
)

// What New takes unless an Option says otherwise.
const (
	DefaultAlgorithm = "zstd"
	DefaultThreshold = 1 << 10
	DefaultLimit     = 4 << 20
)

// Names of the header fields.
const (
	encodingField = "content-encoding"
	acceptField   = "accept-encoding"
)

// A Middleware compresses and inflates the bodies of one Conn or of many. New
// makes one; it owns its encoders, decoders and buffers, and is safe for concurrent use.
type Middleware struct {
	own       encoding // what it compresses with, where the reader lets it choose
	known     []encoding
	offer     string           // the value of accept-encoding in a request
	told      string           // in a reply: the same in other words, so that a handler that sends headers back tells nothing
	plain     transport.Header // the header of a request that has no other field
	threshold int
	limit     int
	agreed    bool
	peers     peers
	outgoing  sync.Pool // of *outgoing; one holds no message between calls
}

// An Option changes what New makes.
type Option func(*settings)

type settings struct {
	algorithm        string
	threshold, limit int
	agreed           bool
}

// WithAlgorithm chooses "zstd" or "gzip". Both are read, whatever is chosen; the default is zstd.
func WithAlgorithm(name string) Option { return func(s *settings) { s.algorithm = name } }

// WithThreshold leaves bodies below n bytes as they are. The default is 1 KiB:
// what is shorter costs more time than its bytes are worth.
func WithThreshold(n int) Option { return func(s *settings) { s.threshold = n } }

// WithLimit bounds what a body may inflate to, in bytes; larger ones are
// CodeResourceExhausted. The default is 4 MiB, the largest body that there is.
func WithLimit(n int) Option { return func(s *settings) { s.limit = n } }

// WithAgreement declares that every peer of the Conn has this middleware. Then
// all that is sent is compressed, also what has no reply that could say so: Send, Publish, Gather, first requests.
func WithAgreement() Option { return func(s *settings) { s.agreed = true } }

// New returns a Middleware, or an error that names the option which is wrong.
func New(opts ...Option) (*Middleware, error) {
	s := settings{DefaultAlgorithm, DefaultThreshold, DefaultLimit, false}
	for _, opt := range opts {
		opt(&s)
	}
	switch {
	case s.threshold < 1:
		return nil, fmt.Errorf("threshold %d: use a number of bytes above zero", s.threshold)
	case s.limit < s.threshold || s.limit > 1<<30:
		return nil, fmt.Errorf("limit %d: use from the threshold, %d bytes, up to 1 GiB", s.limit, s.threshold)
	}
	z, err := newZstd()
	if err != nil {
		return nil, err
	}
	m := &Middleware{known: []encoding{z, newGzip()}, threshold: s.threshold, limit: s.limit, agreed: s.agreed}
	if m.own = m.find(s.algorithm); m.own == nil {
		return nil, fmt.Errorf("unknown algorithm %.32q (known: %s)", s.algorithm, m.names())
	}
	names := []string{m.own.name()}
	for _, e := range m.known {
		if e != m.own {
			names = append(names, e.name())
		}
	}
	m.offer, m.told = strings.Join(names, ", "), strings.Join(names, ";q=1, ")+";q=1"
	m.plain.Set(acceptField, m.offer)
	m.outgoing.New = func() any { return new(outgoing) }
	return m, nil
}

// Options are those of [transport.Registry.Open]. Where there is more
// middleware, give them separately: Inbound first, so that others see plain bodies, and Outbound last.
func (m *Middleware) Options() []transport.Option {
	return []transport.Option{transport.WithInbound(m.Inbound), transport.WithOutbound(m.Outbound)}
}

// Configure is New for configuration files: config.Options.Compress takes it.
// Zero values stand for the defaults.
func Configure(algorithm string, threshold int, agreed bool) (
	in func(transport.Handler) transport.Handler, out func(transport.Outbound) transport.Outbound, err error,
) {
	var opts []Option
	if algorithm != "" {
		opts = append(opts, WithAlgorithm(algorithm))
	}
	if threshold != 0 {
		opts = append(opts, WithThreshold(threshold))
	}
	if agreed {
		opts = append(opts, WithAgreement())
	}
	m, err := New(opts...)
	if err != nil {
		return nil, nil, err
	}
	return m.Inbound, m.Outbound, nil
}

func (m *Middleware) find(name string) encoding {
	for _, e := range m.known {
		if strings.EqualFold(e.name(), name) {
			return e
		}
	}
	return nil
}

func (m *Middleware) names() string {
	names := make([]string, len(m.known))
	for i, e := range m.known {
		names[i] = e.name()
	}
	return strings.Join(names, ", ")
}

// compresses reports whether a body of n bytes is worth it. What is larger than the
// limit its reader would refuse.
func (m *Middleware) compresses(n int) bool { return n >= m.threshold && n <= m.limit }
