package brokertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/polywire/polywire/transport"
)

// An Outage sends and handles all the time while a broker is killed with
// SIGKILL and started again, twice.
type Outage struct {
	Broker *Broker
	Server *transport.Conn
	Client *transport.Conn
	Repeat bool // what is handled again may come out of order, as it may where each message is acknowledged alone

	mu      sync.Mutex // guards the fields below
	handled map[string]int
	order   map[string]int // of each key, the last number handled

	accepted sync.Map // bodies
	count    atomic.Int64
	refused  atomic.Int64
}

// LosesNothing fails the test unless all that was accepted is handled, in the order of its key.
func (o *Outage) LosesNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	o.handled, o.order = map[string]int{}, map[string]int{}
	handler := func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		o.handle(t, m)
		return nil, nil
	}
	if _, err := o.Server.Handle(ctx, "survive", handler, transport.WithConcurrency(8)); err != nil {
		t.Fatal(err)
	}
	stop := o.startSenders(ctx)
	defer stop()
	for range 2 {
		o.progress(t)
		if err := o.Broker.Kill(ctx); err != nil {
			t.Fatal(err)
		}
		failFast(ctx, t, o.Client)
		if err := o.Broker.Restart(ctx); err != nil {
			t.Fatal(err)
		}
	}
	o.progress(t)
	stop()
	WaitUntil(t, func() bool { return o.missing() == 0 })
	o.mu.Lock()
	defer o.mu.Unlock()
	repeated := 0
	for _, n := range o.handled {
		repeated += n - 1
	}
	t.Logf("accepted %d, refused %d, handled %d, lost 0, handled again %d", o.count.Load(), o.refused.Load(), len(o.handled), repeated)
}

func (o *Outage) handle(t *testing.T, m *transport.Message) {
	wait := time.NewTimer(time.Millisecond)
	<-wait.C
	o.mu.Lock()
	defer o.mu.Unlock()
	o.handled[string(m.Body)]++
	if o.Repeat && o.handled[string(m.Body)] > 1 {
		return // what was not acknowledged in time comes again
	}
	var sender, n int
	_, _ = fmt.Sscanf(string(m.Body), "%d-%d", &sender, &n)
	if n < o.order[m.Key] {
		t.Errorf("key %s: %d was handled after %d", m.Key, n, o.order[m.Key])
	}
	o.order[m.Key] = n
}

// startSenders sends by eight keys until stop, which waits for them.
func (o *Outage) startSenders(ctx context.Context) (stop func()) {
	sending, cancel := context.WithCancel(ctx)
	var senders sync.WaitGroup
	for s := range 8 {
		senders.Go(func() {
			for i := 0; sending.Err() == nil; i++ {
				o.send(ctx, fmt.Sprint(s), fmt.Sprint(s, "-", i))
			}
		})
	}
	return func() {
		cancel()
		senders.Wait()
	}
}

func (o *Outage) send(ctx context.Context, key, body string) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := o.Client.Send(ctx, &transport.Message{Destination: "survive", Key: key, Body: []byte(body)}); err != nil {
		o.refused.Add(1)
		return
	}
	o.accepted.Store(body, true)
	o.count.Add(1)
}

// progress waits until 500 more were accepted.
func (o *Outage) progress(t *testing.T) {
	t.Helper()
	before := o.count.Load()
	WaitUntil(t, func() bool { return o.count.Load() > before+500 })
}

// missing counts what was accepted and not handled yet.
func (o *Outage) missing() (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.accepted.Range(func(body, _ any) bool {
		if o.handled[body.(string)] == 0 {
			n++
		}
		return true
	})
	return n
}

// failFast waits until the loss was noticed, and then wants no verb to hang or to succeed.
func failFast(ctx context.Context, t *testing.T, c *transport.Conn) {
	t.Helper()
	WaitUntil(t, func() bool { return c.State() == "reconnecting" })
	m := &transport.Message{Destination: "survive", Body: []byte("x")}
	if err := c.Send(ctx, m, transport.WithFailFast()); !errors.Is(err, transport.CodeUnavailable) {
		t.Errorf("a send that does not wait gives %v", err)
	}
	endsInTime(ctx, t, c, m)
}

// endsInTime wants a send that nobody can take to end with its ctx.
func endsInTime(ctx context.Context, t *testing.T, c *transport.Conn, m *transport.Message) {
	t.Helper()
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := c.Send(short, m); !errors.Is(err, transport.CodeDeadlineExceeded) || time.Since(start) > time.Second {
		t.Errorf("a send that no broker takes gives %v after %v", err, time.Since(start))
	}
}

// OutlivesSilence pauses a broker: a send must end with its ctx, and the next
// one, when the broker goes on, arrive.
func OutlivesSilence(t *testing.T, b *Broker, c *transport.Conn) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	m := &transport.Message{Destination: "silent"}
	if err := c.Send(ctx, m); err != nil {
		t.Fatal(err)
	}
	if err := b.Pause(ctx); err != nil {
		t.Fatal(err)
	}
	endsInTime(ctx, t, c, m)
	if err := b.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(ctx, m); err != nil {
		t.Errorf("a send after it woke up: %v", err)
	}
}
