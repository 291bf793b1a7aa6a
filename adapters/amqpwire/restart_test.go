package amqpwire

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

// TestABrokerThatIsKilledLosesNothing sends and handles all the time while the
// broker is killed with SIGKILL and started again.
func TestABrokerThatIsKilledLosesNothing(t *testing.T) {
	b := ownBroker(t)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	url := b.url + "?single=1" // for order
	server, client := openConn(t, url), openConn(t, url)
	var mu sync.Mutex
	handled := map[string]int{}
	order := map[string]int{} // of each key, the last number handled
	_, err := server.Handle(ctx, "survive", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		wait := time.NewTimer(time.Millisecond)
		<-wait.C
		mu.Lock()
		defer mu.Unlock()
		if handled[string(m.Body)]++; handled[string(m.Body)] > 1 {
			return nil, nil // what was not acknowledged in time comes again
		}
		var sender, n int
		_, _ = fmt.Sscanf(string(m.Body), "%d-%d", &sender, &n)
		if n < order[m.Key] {
			t.Errorf("key %s: %d was handled after %d", m.Key, n, order[m.Key])
		}
		order[m.Key] = n
		return nil, nil
	}, transport.WithConcurrency(8))
	if err != nil {
		t.Fatal(err)
	}
	var accepted sync.Map
	var count, refused atomic.Int64
	sending, stop := context.WithCancel(ctx)
	defer stop()
	var senders sync.WaitGroup
	for s := range 8 {
		senders.Go(func() {
			for i := 0; sending.Err() == nil; i++ {
				body := fmt.Sprint(s, "-", i)
				one, done := context.WithTimeout(ctx, 60*time.Second)
				err := client.Send(one, &transport.Message{Destination: "survive", Key: fmt.Sprint(s), Body: []byte(body)})
				done()
				if err == nil {
					accepted.Store(body, true)
					count.Add(1)
				} else {
					refused.Add(1)
				}
			}
		})
	}
	for range 2 {
		before := count.Load()
		waitUntil(t, func() bool { return count.Load() > before+500 })
		if err := b.Kill(ctx); err != nil {
			t.Fatal(err)
		}
		failFast(ctx, t, client)
		if err := b.Restart(ctx); err != nil {
			t.Fatal(err)
		}
	}
	before := count.Load()
	waitUntil(t, func() bool { return count.Load() > before+500 })
	stop()
	senders.Wait()
	missing := func() (n int) {
		mu.Lock()
		defer mu.Unlock()
		accepted.Range(func(body, _ any) bool {
			if handled[body.(string)] == 0 {
				n++
			}
			return true
		})
		return n
	}
	waitUntil(t, func() bool { return missing() == 0 })
	lost := missing()
	mu.Lock()
	defer mu.Unlock()
	repeated := 0
	for _, n := range handled {
		repeated += n - 1
	}
	t.Logf("accepted %d, refused %d, handled %d, lost %d, handled again %d", count.Load(), refused.Load(), len(handled), lost, repeated)
}

// failFast waits until the loss was noticed, and then wants no verb to hang or to succeed.
func failFast(ctx context.Context, t *testing.T, c *transport.Conn) {
	t.Helper()
	waitUntil(t, func() bool { return c.State() == "reconnecting" })
	m := &transport.Message{Destination: "survive", Body: []byte("x")}
	if err := c.Send(ctx, m, transport.WithFailFast()); !errors.Is(err, transport.CodeUnavailable) {
		t.Errorf("a send that does not wait gives %v", err)
	}
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := c.Send(short, m); !errors.Is(err, transport.CodeDeadlineExceeded) || time.Since(start) > time.Second {
		t.Errorf("a send without a broker gives %v after %v", err, time.Since(start))
	}
}

func TestASilentBrokerDoesNotOutlastTheDeadline(t *testing.T) {
	b := ownBroker(t)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := openConn(t, b.url)
	m := &transport.Message{Destination: "silent"}
	if err := c.Send(ctx, m); err != nil {
		t.Fatal(err)
	}
	if err := b.Pause(ctx); err != nil {
		t.Fatal(err)
	}
	short, done := context.WithTimeout(ctx, 300*time.Millisecond)
	defer done()
	start := time.Now()
	if err := c.Send(short, m); !errors.Is(err, transport.CodeDeadlineExceeded) || time.Since(start) > time.Second {
		t.Errorf("a send to a silent broker gives %v after %v", err, time.Since(start))
	}
	if err := b.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(ctx, m); err != nil {
		t.Errorf("a send after it woke up: %v", err)
	}
}
