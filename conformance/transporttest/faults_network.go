package transporttest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport"
)

// networkFaults are those of clients whose network breaks.
func networkFaults() []Fault {
	proxy := []string{AbilityProxy}
	lost := func(next func(ctx context.Context, m *transport.Message, c Conn, err error) (*transport.Message, error)) func(Conn) Conn {
		return func(c Conn) Conn { return &whenLost{c, next} }
	}
	return []Fault{
		{Name: "repeats a request whose connection was cut", Rules: []string{"7.3"}, Cases: []string{"T149"}, Abilities: proxy,
			conn: lost(func(ctx context.Context, m *transport.Message, c Conn, err error) (*transport.Message, error) {
				for i := 0; i < 100 && errors.Is(err, transport.CodeUnavailable); i++ {
					var reply *transport.Message
					if reply, err = c.Request(ctx, m); err == nil {
						return reply, nil
					}
				}
				return nil, err
			})},
		{Name: "lets a request wait whose connection was cut", Rules: []string{"7.2"}, Cases: []string{"T141"}, Abilities: proxy,
			conn: lost(func(ctx context.Context, _ *transport.Message, _ Conn, _ error) (*transport.Message, error) {
				<-ctx.Done()
				return nil, transport.CodeDeadlineExceeded.Errorf("no reply")
			})},
		{Name: "takes a reply that was cut off for an empty one", Rules: []string{"7.2"}, Cases: []string{"T141"}, Abilities: proxy,
			conn: lost(func(context.Context, *transport.Message, Conn, error) (*transport.Message, error) {
				return &transport.Message{}, nil
			})},
		{Name: "gives a caller whose connection was cut the reply before", Rules: []string{"3.3"}, Cases: []string{"T149"}, Abilities: proxy, conn: func(c Conn) Conn { return &lastReply{Conn: c} }},
		{Name: "waits twice as long when nobody answers", Rules: []string{"3.3"}, Cases: []string{"T139"}, Abilities: proxy, conn: func(c Conn) Conn { return patient{c} }},
		{Name: "closes only once it is connected", Rules: []string{"7.1"}, Cases: []string{"T131"}, Abilities: proxy, conn: func(c Conn) Conn { return slowCloser{c} }},
		{Name: "shows errors of the network as they are", Rules: []string{"4.2"}, Cases: []string{"T144"}, Abilities: proxy,
			conn: lost(func(_ context.Context, _ *transport.Message, _ Conn, err error) (*transport.Message, error) {
				return nil, errors.New(err.Error())
			})},
		{Name: "takes what a hostile server says for a reply", Rules: []string{"8.3"}, Cases: []string{"T183"}, Abilities: proxy,
			conn: lost(func(context.Context, *transport.Message, Conn, error) (*transport.Message, error) {
				return &transport.Message{Body: []byte("HTTP/1.1 200 OK")}, nil
			})},
		{Name: "asks the peer about what it refuses", Rules: []string{"2.1"}, Cases: []string{"T247"}, Abilities: proxy, conn: func(c Conn) Conn { return asksFirst{c} }},
		{Name: "forgets the bound of a handler on its listener", Rules: []string{"6.2"}, Cases: []string{"T181"}, Abilities: []string{AbilityHTTP2}, conn: func(c Conn) Conn { return unboundHandlers{c} }},
		{Name: "goes away without a word to its callers", Rules: []string{"7.1"}, Cases: []string{"T123"}, Abilities: []string{AbilityFleet}, adapter: func() *hooks { return &hooks{silent: true} }},
		{Name: "keeps its address after Close", Rules: []string{"7.1"}, Cases: []string{"T128"}, Abilities: []string{AbilityFleet}, conn: func(c Conn) Conn { return squatter{c} }},
		{Name: "serves as many connections as come", Rules: []string{"8.3"}, Abilities: []string{AbilityRequest, AbilityCrowd}, Cases: []string{"T180"}, setup: func(s *transport.Setup) {
			u := *s.URL
			q := u.Query()
			q.Del("connections")
			u.RawQuery = q.Encode()
			s.URL = &u
		}},
	}
}

// whenLost does something else with requests that end in Unavailable.
type whenLost struct {
	Conn
	then func(ctx context.Context, m *transport.Message, c Conn, err error) (*transport.Message, error)
}

func (c *whenLost) Request(ctx context.Context, m *transport.Message, opts ...transport.CallOption) (*transport.Message, error) {
	reply, err := c.Conn.Request(ctx, m, opts...)
	if errors.Is(err, transport.CodeUnavailable) && !errors.Is(err, transport.ErrNoHandler) {
		return c.then(ctx, m, c.Conn, err)
	}
	return reply, err
}

type lastReply struct {
	Conn
	last atomic.Pointer[transport.Message]
}

func (c *lastReply) Request(ctx context.Context, m *transport.Message, opts ...transport.CallOption) (*transport.Message, error) {
	reply, err := c.Conn.Request(ctx, m, opts...)
	if last := c.last.Load(); last != nil && errors.Is(err, transport.CodeUnavailable) {
		return last, nil
	}
	if err == nil {
		c.last.Store(reply.Clone())
	}
	return reply, err
}

type patient struct{ Conn }

func (c patient) Request(ctx context.Context, m *transport.Message, opts ...transport.CallOption) (*transport.Message, error) {
	start := time.Now()
	reply, err := c.Conn.Request(ctx, m, opts...)
	if errors.Is(err, transport.CodeDeadlineExceeded) {
		t := time.NewTimer(time.Since(start))
		defer t.Stop()
		<-t.C
	}
	return reply, err
}

type slowCloser struct{ Conn }

func (c slowCloser) Close() error {
	poll(3*time.Second, func() bool { return c.Conn.State() != "reconnecting" })
	return c.Conn.Close()
}

// A squatter listens on where its Conn did, for a moment.
type squatter struct{ Conn }

func (c squatter) Close() error {
	raw, _ := undress(c.Conn)
	address := raw.Addr()
	err := c.Conn.Close()
	if address == "" {
		return err
	}
	if l, failed := new(net.ListenConfig).Listen(context.Background(), "tcp", address); failed == nil {
		time.AfterFunc(time.Second, func() { _ = l.Close() })
	}
	return err
}

type asksFirst struct{ Conn }

func (c asksFirst) Request(ctx context.Context, m *transport.Message, opts ...transport.CallOption) (*transport.Message, error) {
	reply, err := c.Conn.Request(ctx, m, opts...)
	if errors.Is(err, transport.CodeInvalidArgument) {
		_ = c.Conn.Health(ctx)
	}
	return reply, err
}

type unboundHandlers struct{ Conn }

func (c unboundHandlers) Handle(ctx context.Context, destination string, h transport.Handler, _ ...transport.BindOption) (*transport.Subscription, error) {
	return c.Conn.Handle(ctx, destination, h)
}

// strangerFaults are those of listeners. Each stands before the listener, and makes it worse.
func strangerFaults() []Fault {
	request := []string{AbilityRequest}
	return []Fault{
		{Name: "allocates what a stranger declares", Rules: []string{"8.3"}, Cases: []string{"T176"}, Abilities: request, raw: func(_ *transport.Conn, c net.Conn) net.Conn {
			return &greedy{Conn: c}
		}},
		{Name: "falls over random bytes", Rules: []string{"8.3"}, Cases: []string{"T177"}, Abilities: request, raw: func(server *transport.Conn, c net.Conn) net.Conn {
			return &fragile{c, server}
		}},
		cutForWhole(request),
		slowForAll(request),
		{Name: "goes on to read a flood", Rules: []string{"8.3"}, Cases: []string{"T182"}, Abilities: []string{AbilityHTTP2}, raw: func(_ *transport.Conn, c net.Conn) net.Conn {
			return tolerant{c}
		}},
	}
}

// A greedy connection holds the largest body from its first byte on.
type greedy struct {
	net.Conn
	body []byte
}

func (c *greedy) Write(b []byte) (int, error) {
	if c.body == nil {
		c.body = make([]byte, 4<<20)
	}
	n, err := c.Conn.Write(b)
	c.body[0] = byte(n) // so that it is still there
	return n, err
}

// A fragile connection ends its server when it gets bytes that are no text.
type fragile struct {
	net.Conn
	server *transport.Conn
}

func (c *fragile) Write(b []byte) (int, error) {
	if bytes.IndexByte(b, 0xff) >= 0 {
		_ = c.server.Close()
	}
	return c.Conn.Write(b)
}

// cutForWhole completes requests that were cut off, from one that was whole.
func cutForWhole(needs []string) Fault {
	var mu sync.Mutex // guards whole
	var whole []byte
	return Fault{Name: "takes a request that was cut off for a whole one", Rules: []string{"2.4"}, Cases: []string{"T178"}, Abilities: needs, raw: func(_ *transport.Conn, c net.Conn) net.Conn {
		return &completed{Conn: c, rest: func(said []byte) []byte {
			mu.Lock()
			defer mu.Unlock()
			if len(said) > len(whole) {
				whole = bytes.Clone(said)
			}
			if len(said) < len(whole)-5 || !bytes.HasPrefix(whole, said) {
				return nil
			}
			return whole[len(said):]
		}}
	}}
}

type completed struct {
	net.Conn
	rest func(said []byte) []byte
}

func (c *completed) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if rest := c.rest(b); err == nil && len(rest) > 0 {
		_, err = c.Conn.Write(rest)
	}
	return n, err
}

// slowForAll serves others slowly while many connections are slow.
func slowForAll(needs []string) Fault {
	var open atomic.Int64
	return Fault{
		Name: "lets slow connections delay others", Rules: []string{"8.3"}, Cases: []string{"T179"}, Abilities: needs,
		raw: func(_ *transport.Conn, c net.Conn) net.Conn {
			open.Add(1)
			return &counted{Conn: c, open: &open}
		},
		adapter: delivering(func(_ transport.Binding, d transport.Delivery) transport.Delivery {
			if open.Load() > 100 {
				t := time.NewTimer(3500 * time.Millisecond)
				defer t.Stop()
				<-t.C
			}
			return d
		}),
	}
}

type counted struct {
	net.Conn
	once sync.Once
	open *atomic.Int64
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// A tolerant connection never tells that the other side has ended it.
type tolerant struct{ net.Conn }

func (c tolerant) Write(b []byte) (int, error) {
	_, _ = c.Conn.Write(b)
	return len(b), nil
}
