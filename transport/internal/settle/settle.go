// Package settle decides when a message that failed comes again.
package settle

import "time"

// A Policy is a schedule of attempts: Attempts in all, First after the first
// failure, doubling up to Max. The zero value means 5, 1 s and 60 s.
type Policy struct {
	Attempts int
	First    time.Duration
	Max      time.Duration
}

// Next returns how long to wait after the failed attempt of that number, which
// is 1 for the first, and whether there is another attempt at all.
func (p Policy) Next(attempt int) (time.Duration, bool) {
	p = p.withDefaults()
	return p.Delay(attempt), attempt < p.Attempts
}

// Delay is the wait after a failed attempt, also past the last: for what must not be given up.
func (p Policy) Delay(attempt int) time.Duration {
	p = p.withDefaults()
	delay := p.First
	for i := 1; i < attempt && delay < p.Max; i++ {
		delay *= 2
	}
	return min(delay, p.Max)
}

func (p Policy) withDefaults() Policy {
	if p.Attempts <= 0 {
		p.Attempts = 5
	}
	if p.First <= 0 {
		p.First = time.Second
	}
	if p.Max <= 0 {
		p.Max = time.Minute
	}
	return p
}
