package reconnect

import (
	"math/rand/v2"
	"time"
)

// Bounds of the delays, which every adapter shares (semantics §7.2).
const (
	shortCap  = time.Second      // while an outage is young
	longCap   = 30 * time.Second // afterwards, for ever
	youngTime = time.Minute
	steady    = 10 * time.Second // a session that lived as long ends the outage before it
)

// A Backoff gives the delays between the attempts of one outage: each uniform
// between zero and a cap, which is one second in the first minute and thirty
// seconds afterwards. So a thousand clients of one broker spread their first
// attempts over a second, and none gives up. The zero value is ready.
type Backoff struct {
	since time.Time // when the outage began; zero before the first delay
}

// Next is how long to wait before the next attempt.
func (b *Backoff) Next() time.Duration {
	now := time.Now()
	if b.since.IsZero() {
		b.since = now
	}
	if now.Sub(b.since) < youngTime {
		return rand.N(shortCap)
	}
	return rand.N(longCap)
}

// Connected tells that an attempt succeeded at that time. The outage ends only
// when the session lasts: a system that accepts and at once drops every
// connection is asked less and less often too.
func (b *Backoff) Connected(at time.Time) {
	if time.Since(at) >= steady {
		b.since = time.Time{}
	}
}
