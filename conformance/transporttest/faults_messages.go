package transporttest

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"

	"github.com/polywire/polywire/transport"
)

func messageFaults() []Fault {
	return append(headerFaults(), []Fault{
		{Name: "gives each message another ID", Rules: []string{"2.0"}, adapter: changing(func(e *transport.Envelope) { e.ID = "made-up" })},
		{Name: "loses key, correlation id and params", Rules: []string{"2.0"}, adapter: changing(func(e *transport.Envelope) {
			e.Key, e.CorrelationID, e.Params = "", "", nil
		})},
		{Name: "loses the trace context", Rules: []string{"2.0"}, adapter: func() *hooks {
			return &hooks{out: func(e *transport.Envelope) { e.SetTrace("", "") }}
		}},
		{Name: "rewrites what it should refuse", Rules: []string{"2.1", "2.2"}, conn: func(c Conn) Conn { return rewriter{c} }},
		{Name: "writes into the caller's message", Rules: []string{"2.1"}, Cases: []string{"T225"}, conn: func(c Conn) Conn { return scribbler{c} }},
		{Name: "lower-cases destinations", Rules: []string{"2.2"}, adapter: renaming(strings.ToLower)},
		{Name: "maps two destinations to one address", Rules: []string{"2.2"}, Cases: []string{"T187"}, adapter: renaming(func(s string) string { return strings.ReplaceAll(s, "_", "-") })},
		{Name: "takes > for *", Rules: []string{"2.2"}, Except: "Wildcards", adapter: func() *hooks {
			return &hooks{bind: func(ctx context.Context, b transport.Binding, sink transport.Sink, next bind) (transport.Bound, error) {
				b.Pattern = strings.ReplaceAll(b.Pattern, ">", "*")
				return next(ctx, b, sink)
			}}
		}},
		{Name: "cuts a body that is too large", Rules: []string{"2.4"}, conn: func(c Conn) Conn { return truncator{c} }},
		{Name: "loses the last byte of a body of the largest size", Rules: []string{"2.4"}, adapter: func() *hooks {
			return &hooks{out: func(e *transport.Envelope) {
				if len(e.Body) >= 4<<20 {
					e.Body = e.Body[:4<<20-1]
				}
			}}
		}},
		{Name: "repairs bodies that are no UTF-8", Rules: []string{"2.4"}, adapter: func() *hooks {
			return &hooks{out: func(e *transport.Envelope) { e.Body = []byte(strings.ToValidUTF8(string(e.Body), "\ufffd")) }}
		}},
		{Name: "shares the sender's slices", Rules: []string{"2.5"}, Cases: []string{"T244"}, adapter: shareSlices},
		{Name: "hands the sender's context to the handler", Rules: []string{"2.6"}, options: shareContext},
	}...)
}

func headerFaults() []Fault {
	header := func(name string, change func(fields []field) []field) Fault {
		return Fault{Name: name, Rules: []string{"2.3"}, adapter: func() *hooks {
			return &hooks{out: func(e *transport.Envelope) {
				changed := change(fieldsOf(e.Header))
				e.Header = transport.Header{}
				for _, f := range changed {
					e.Header.Add(f.key, f.value)
				}
			}}
		}}
	}
	values := func(change func(string) string) func([]field) []field {
		return func(fields []field) []field {
			for i := range fields {
				fields[i].value = change(fields[i].value)
			}
			return fields
		}
	}
	return []Fault{
		header("loses headers", func([]field) []field { return nil }),
		header("lower-cases header values", values(strings.ToLower)),
		header("trims header values", values(strings.TrimSpace)),
		header("makes header values ASCII", values(func(s string) string {
			return strings.Map(func(r rune) rune {
				if r > 0x7e {
					return '?'
				}
				return r
			}, s)
		})),
		header("joins the values of one key", func(fields []field) []field {
			var joined []field
			at := map[string]int{}
			for _, f := range fields {
				if i, ok := at[f.key]; ok {
					joined[i].value += ", " + f.value
					continue
				}
				at[f.key] = len(joined)
				joined = append(joined, f)
			}
			return joined
		}),
		header("loses empty header values", func(fields []field) []field {
			var kept []field
			for _, f := range fields {
				if f.value != "" {
					kept = append(kept, f)
				}
			}
			return kept
		}),
		header("keeps 63 header fields", func(fields []field) []field { return fields[:min(len(fields), 63)] }),
		header("takes content-length for its own", func(fields []field) []field {
			var kept []field
			for _, f := range fields {
				if f.key != "content-length" {
					kept = append(kept, f)
				}
			}
			return kept
		}),
		{Name: "renames reserved headers", Rules: []string{"2.3"}, Cases: []string{"T028"}, conn: func(c Conn) Conn { return rewriter{c} }},
		{Name: "strips what is too much of a header", Rules: []string{"8.3", "2.3"}, Cases: []string{"T175", "T017"}, conn: func(c Conn) Conn { return truncator{c} }},
	}
}

// renaming changes the names of destinations on the wire, both ways.
func renaming(name func(string) string) func() *hooks {
	return func() *hooks {
		return &hooks{
			out: func(e *transport.Envelope) { e.Destination = name(e.Destination) },
			bind: func(ctx context.Context, b transport.Binding, sink transport.Sink, next bind) (transport.Bound, error) {
				b.Pattern = name(b.Pattern)
				return next(ctx, b, sink)
			},
		}
	}
}

// shareSlices delivers the very slices that the sender has, which it may overwrite.
func shareSlices() *hooks {
	var mu sync.Mutex
	sent := map[string]*transport.Envelope{}
	return &hooks{
		send: func(ctx context.Context, e *transport.Envelope, next write) error {
			mu.Lock()
			c := *e
			sent[e.ID] = &c
			mu.Unlock()
			return next(ctx, e)
		},
		deliver: func(_ transport.Binding, d transport.Delivery) transport.Delivery {
			mu.Lock()
			defer mu.Unlock()
			t := tapDelivery(d)
			if e := sent[t.env.ID]; e != nil {
				t.env.Body, t.env.Params = e.Body, e.Params
			}
			return t
		},
	}
}

// shareContext lets a handler see the values of the caller's ctx.
func shareContext() []transport.Option {
	return []transport.Option{
		transport.WithOutbound(func(next transport.Outbound) transport.Outbound {
			return func(ctx context.Context, op string, msg *transport.Message) (*transport.Message, error) {
				c := msg.Clone()
				if c.ID == "" {
					c.ID = rand.Text()
				}
				callers.Store(c.ID, ctx)
				defer callers.Delete(c.ID)
				return next(ctx, op, c)
			}
		}),
		transport.WithInbound(func(next transport.Handler) transport.Handler {
			return func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
				if caller, ok := callers.Load(msg.ID); ok {
					ctx = borrowed{ctx, caller.(context.Context)}
				}
				return next(ctx, msg)
			}
		}),
	}
}

// callers are the contexts of calls in flight by message ID: the two ends of a
// pair get options of their own, and the fault is that they share.
var callers sync.Map //nolint:gochecknoglobals // the sharing is the fault

// A borrowed context has the values of another.
type borrowed struct {
	context.Context
	values context.Context
}

func (b borrowed) Value(key any) any {
	if v := b.Context.Value(key); v != nil {
		return v
	}
	return b.values.Value(key)
}

// A rewriter makes what is invalid valid, in silence.
type rewriter struct{ Conn }

func (r rewriter) mend(m *transport.Message) *transport.Message {
	if m == nil {
		return nil
	}
	c := m.Clone()
	c.Destination = strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, strings.Trim(m.Destination, "."))
	c.Destination = c.Destination[:min(len(c.Destination), 180)]
	c.Header = transport.Header{}
	for _, f := range fieldsOf(m.Header) {
		key := strings.TrimPrefix(strings.ToLower(f.key), "polywire-")
		c.Header.Add(key, strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f || r == '\ufffd' {
				return ' '
			}
			return r
		}, f.value))
	}
	return c
}

func (r rewriter) Send(ctx context.Context, m *transport.Message, opts ...transport.CallOption) error {
	return r.Conn.Send(ctx, r.mend(m), opts...)
}

func (r rewriter) Publish(ctx context.Context, m *transport.Message, opts ...transport.CallOption) error {
	return r.Conn.Publish(ctx, r.mend(m), opts...)
}

func (r rewriter) Request(ctx context.Context, m *transport.Message, opts ...transport.CallOption) (*transport.Message, error) {
	return r.Conn.Request(ctx, r.mend(m), opts...)
}

// A scribbler sets fields of the caller's message.
type scribbler struct{ Conn }

func (s scribbler) Send(ctx context.Context, m *transport.Message, opts ...transport.CallOption) error {
	err := s.Conn.Send(ctx, m, opts...)
	if m != nil {
		m.ID = "scribbled"
	}
	return err
}

func (s scribbler) Request(ctx context.Context, m *transport.Message, opts ...transport.CallOption) (*transport.Message, error) {
	reply, err := s.Conn.Request(ctx, m, opts...)
	if m != nil {
		m.ID = "scribbled"
	}
	return reply, err
}

// A truncator cuts what is too large.
type truncator struct{ Conn }

func (t truncator) cut(m *transport.Message) *transport.Message {
	if m == nil {
		return nil
	}
	c := *m
	c.Body = m.Body[:min(len(m.Body), 4<<20)]
	c.Header = transport.Header{}
	size := 0
	for i, f := range fieldsOf(m.Header) {
		if size += len(f.key) + len(f.value); i < 64 && size <= 16<<10 {
			c.Header.Add(f.key, f.value)
		}
	}
	return &c
}

func (t truncator) Send(ctx context.Context, m *transport.Message, opts ...transport.CallOption) error {
	return t.Conn.Send(ctx, t.cut(m), opts...)
}

func (t truncator) Publish(ctx context.Context, m *transport.Message, opts ...transport.CallOption) error {
	return t.Conn.Publish(ctx, t.cut(m), opts...)
}

func (t truncator) Request(ctx context.Context, m *transport.Message, opts ...transport.CallOption) (*transport.Message, error) {
	return t.Conn.Request(ctx, t.cut(m), opts...)
}
