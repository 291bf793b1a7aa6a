package homes

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/polywire/polywire/transport"
)

// An Outcome is how a try went.
type Outcome uint8

// What a try may end with. Only the peer's own word or a connection that was never
// made prove that it did nothing.
const (
	Answered Outcome = iota // it answered, whatever the answer says
	Refused                 // no connection could be made: it did nothing
	Declined                // it said that it did nothing, as one that handles no such destination
	Leaving                 // it said that it did nothing, and that it goes away
	Lost                    // the connection was lost: nobody knows
	GaveUp                  // the caller's ctx ended
)

// Tries give one message to an endpoint, and to another where the first did
// nothing, or may do it twice, as far as the home's budget lasts:
//
//	tries := home.Tries(e.Key, e.Idempotent)
//	for {
//		lease, err := tries.Next(ctx)
//		if err != nil { return err }
//		… use lease.Conn …
//		if !tries.Again(ctx, lease, outcome) { return result }
//	}
//
// One goroutine uses them.
type Tries[C any] struct {
	home       *Peers[C]
	key        string
	idempotent bool
	tried      []*Endpoint[C]
	round      int  // of the endpoints
	left       bool // one of this round said that it goes away
	declined   int
}

// Declined tries end with the second other endpoint: where three handle nothing of that name, probably none does.
const maxDeclined = 2

// Of how many endpoints in a row a message may hear for free that they did nothing, as they are gone, about to go, or have no
// handler yet: each of them hears of it once, so no storm comes of that. What moves when an instance goes away or comes would spend the budget at once.
const maxGone = 3

// All endpoints are tried once more where what was lost may be done twice, and a few times, after a pause of up to twice as long each, where one
// said that it goes away: it may be back, and on a busy machine others may have gone before they were reached.
const (
	maxRounds        = 6
	pauseBeforeRound = 50 * time.Millisecond
)

// Tries begins those of one message. Messages of one key go to the same endpoint,
// as long as the endpoints are the same.
func (p *Peers[C]) Tries(key string, idempotent bool) Tries[C] {
	p.start()
	p.budget.call()
	return Tries[C]{home: p, key: key, idempotent: idempotent}
}

// Next leases the endpoint to try. It waits within ctx for the first answer of the
// resolvers, and fails with CodeUnavailable where they know none, and with ErrClosed once the table is closed.
func (t *Tries[C]) Next(ctx context.Context) (Lease[C], error) {
	for {
		if _, err := t.home.wait(ctx, false); err != nil {
			return Lease[C]{}, err
		}
		e := t.home.set.Load().pick(t)
		if e == nil { // all were tried, which Again has looked at: they have changed since
			t.tried = nil
			continue
		}
		if l, ok := e.Take(); ok {
			return l, nil
		}
		if t.home.pool.life.Err() != nil {
			return Lease[C]{}, transport.ErrClosed
		}
	}
}

// Again ends the lease, notes how the try went, and reports whether another is due.
func (t *Tries[C]) Again(ctx context.Context, l Lease[C], outcome Outcome) bool {
	e := l.Endpoint
	l.Done(outcome)
	if !t.allowed(outcome) || ctx.Err() != nil {
		return false
	}
	t.tried = append(t.tried, e)
	t.left = t.left || outcome == Leaving
	if t.home.set.Load().exhausted(t.tried) && !t.nextRound(ctx, outcome) {
		return false
	}
	if outcome != Lost && len(t.tried) <= maxGone {
		return true
	}
	return t.home.budget.take()
}

// nextRound waits for the time when all endpoints may be tried again, within ctx, if there is one.
func (t *Tries[C]) nextRound(ctx context.Context, outcome Outcome) bool {
	if t.left && t.round >= maxRounds-1 || !t.left && (outcome != Lost || t.round > 0) {
		return false
	}
	pause := pauseBeforeRound << t.round
	t.round, t.tried, t.left = t.round+1, nil, false
	return sleep(ctx, rand.N(pause), nil, nil)
}

func (t *Tries[C]) allowed(outcome Outcome) bool {
	switch outcome {
	case Refused, Leaving:
		return true
	case Declined:
		t.declined++
		return t.declined <= maxDeclined
	case Lost:
		return t.idempotent
	}
	return false
}

// Done ends the lease, and counts for the endpoint's health.
func (l *Lease[C]) Done(outcome Outcome) {
	l.Release()
	e := l.Endpoint
	switch outcome {
	case Answered, Declined:
		e.answered()
	case Refused, Lost, Leaving:
		switch outcome {
		case Refused:
			e.refused()
		case Leaving:
			e.rest(firstAside)
		}
		for _, s := range e.home.sources {
			if s.resolver != nil {
				s.poke()
			}
		}
	}
}

// Answered takes the endpoint for healthy before the lease ends.
func (l *Lease[C]) Answered() { l.Endpoint.answered() }

// Avoid sets the endpoint aside as long as it asks for, 30 s at most: others get what comes meanwhile.
func (l *Lease[C]) Avoid(asked time.Duration) { l.Endpoint.rest(min(asked, lastAside)) }

func (s *set[C]) exhausted(tried []*Endpoint[C]) bool {
	return !slices.ContainsFunc(s.all, func(e *Endpoint[C]) bool { return !slices.Contains(tried, e) })
}

// pick chooses among those not tried: the first group of which one is healthy, else
// the one that is set aside for the shortest time.
func (s *set[C]) pick(t *Tries[C]) *Endpoint[C] {
	if t.tried == nil && !t.home.unwell.Load() {
		return s.groups[0].choose(t, s.groups[0].all, s.groups[0].heavy)
	}
	now := time.Now().UnixNano()
	t.home.unwell.Store(false)
	for _, e := range s.all {
		if e.until.Load() != 0 {
			t.home.unwell.Store(true)
			break
		}
	}
	for i := range s.groups {
		for {
			e := s.groups[i].healthy(t, now)
			if e == nil {
				break
			}
			if e.claim(now) {
				return e
			}
		}
	}
	return s.soonest(t.tried)
}

func (s *set[C]) soonest(tried []*Endpoint[C]) (best *Endpoint[C]) {
	for _, e := range s.all {
		if !slices.Contains(tried, e) && (best == nil || e.until.Load() < best.until.Load()) {
			best = e
		}
	}
	return best
}

// healthy chooses among those that are not set aside, or not any more.
func (g *group[C]) healthy(t *Tries[C], now int64) *Endpoint[C] {
	var fit []*Endpoint[C]
	var weights []int
	for i, e := range g.all {
		if e.healthy(now) && !slices.Contains(t.tried, e) {
			fit = append(fit, e)
			if g.heavy != nil {
				weights = append(weights, g.heavy[i])
			}
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return g.choose(t, fit, weights)
}

// choose takes one of fit: by key, by load, or in turns.
func (g *group[C]) choose(t *Tries[C], fit []*Endpoint[C], weights []int) *Endpoint[C] {
	n := len(fit)
	switch {
	case n == 1:
		return fit[0]
	case t.key != "":
		return byKey(t.key, fit)
	case t.home.pool.config.Options.Least:
		return lessLoaded(fit, weights)
	case weights != nil:
		return fit[byWeight(weights, uint64(t.home.turn.Add(1)))]
	}
	return fit[int(t.home.turn.Add(1))%n]
}

// byKey is rendezvous hashing: when an endpoint comes or leaves, only the keys move that go there or were there.
func byKey[C any](key string, fit []*Endpoint[C]) *Endpoint[C] {
	h := hashOf(key)
	return slices.MaxFunc(fit, func(a, b *Endpoint[C]) int {
		if mix(h^a.hash) < mix(h^b.hash) {
			return -1
		}
		return 1
	})
}

// lessLoaded takes the better of two at random, which is nearly as good as the best of all, and
// does not send everybody to the same one.
func lessLoaded[C any](fit []*Endpoint[C], weights []int) *Endpoint[C] {
	i := rand.IntN(len(fit))
	j := (i + 1 + rand.IntN(len(fit)-1)) % len(fit)
	wi, wj := 1, 1
	if weights != nil {
		wi, wj = weights[i], weights[j]
	}
	if (fit[i].load.Load()+1)*int64(wj) <= (fit[j].load.Load()+1)*int64(wi) {
		return fit[i]
	}
	return fit[j]
}

// byWeight spreads turns over the weights: a low-discrepancy sequence, so that each gets
// its share in any stretch of turns, without a lock.
func byWeight(weights []int, turn uint64) int {
	const golden = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	sum := uint64(0)
	for _, w := range weights {
		sum += uint64(w)
	}
	at := (turn * golden >> 32) * sum >> 32
	for i, w := range weights {
		if at < uint64(w) {
			return i
		}
		at -= uint64(w)
	}
	return len(weights) - 1
}
