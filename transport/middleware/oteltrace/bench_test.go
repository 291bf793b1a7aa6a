package oteltrace_test

import (
	"context"
	"testing"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
)

// A side of the benchmark: without the middleware, with providers that do nothing, and with a real SDK.
func sides(t testing.TB) []struct {
	name string
	opts []transport.Option
} {
	l := newLab(t)
	return []struct {
		name string
		opts []transport.Option
	}{{"none", nil}, {"off", off(t).Options()}, {"on", l.middleware(t).Options()}}
}

// calls are one Request and one Publish, the styles that take most and least time.
func calls(t testing.TB, opts []transport.Option) (request, publish func() error) {
	c := brokertest.OpenConn(t, inproc.Factory(), "inproc://", opts...)
	handle(t, c, "quote", echo)
	msg := &transport.Message{Destination: "quote", Body: make([]byte, 128)}
	msg.Header.Set("tenant", "t1")
	nobody := &transport.Message{Destination: "ended", Body: msg.Body, Header: msg.Header}
	ctx := context.Background()
	return func() error { _, err := c.Request(ctx, msg); return err }, func() error { return c.Publish(ctx, nobody) }
}

func TestTracingThatIsOffAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	var base [2]float64
	for _, side := range sides(t)[:2] {
		request, publish := calls(t, side.opts)
		for i, do := range []func() error{request, publish} {
			got := testing.AllocsPerRun(500, func() {
				if err := do(); err != nil {
					t.Fatal(err)
				}
			})
			if side.name == "none" {
				base[i] = got
			} else if got > base[i] {
				t.Errorf("call %d: got %v allocations with tracing off, want %v as without it", i, got, base[i])
			}
		}
	}
}

// BenchmarkCall measures what the middleware adds, off and on. benchstat -col /tracing tells it.
func BenchmarkCall(b *testing.B) {
	for _, side := range sides(b) {
		request, publish := calls(b, side.opts)
		for name, do := range map[string]func() error{"Request": request, "Publish": publish} {
			b.Run(name+"/tracing="+side.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := do(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
