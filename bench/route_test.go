package bench

import (
	"fmt"
	"testing"

	"github.com/polywire/polywire/transport"
)

// BenchmarkRoute publishes among 10,000 subscriptions, a fifth of which have
// wildcards: to destinations that were just in use, and to more than the router
// remembers. Each reaches one or two. internal/router measures the look-up alone.
func BenchmarkRoute(b *testing.B) {
	const subscriptions = 10_000
	for _, use := range []struct {
		name         string
		destinations int
	}{{"hot", 64}, {"cold", 40_000}} {
		b.Run(fmt.Sprintf("subscriptions=%d/destinations=%s", subscriptions, use.name), func(b *testing.B) {
			conn, count := open(b, "inproc://?inline"), newCounter()
			for i := range subscriptions {
				subscribe(b, conn, pattern(i), count.handle)
			}
			msgs := make([]*transport.Message, use.destinations)
			for i := range msgs {
				msgs[i] = message(fmt.Sprintf("region%d.shop%d.order.item%d", i%17, i%1009, i%subscriptions), small)
				if i >= subscriptions {
					msgs[i].Destination = fmt.Sprintf("region%d.shop%d.x%d.late%d", i%17, i%1009, i%subscriptions, i)
				}
			}
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				must(b, conn.Publish(b.Context(), msgs[i]))
				if i++; i == len(msgs) {
					i = 0
				}
			}
		})
	}
}

// pattern is the i-th subscription: four fifths are plain destinations.
func pattern(i int) string {
	switch i % 10 {
	case 0:
		return fmt.Sprintf("region%d.*.order.item%d", i%17, i)
	case 1:
		return fmt.Sprintf("region%d.shop%d.x%d.>", i%17, i%1009, i)
	}
	return fmt.Sprintf("region%d.shop%d.order.item%d", i%17, i%1009, i)
}
