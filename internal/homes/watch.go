package homes

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"time"

	"github.com/polywire/polywire/internal/reconnect"
	"github.com/polywire/polywire/transport/endpoints"
)

// Bounds of how often a resolver is asked.
const (
	defaultTTL  = 30 * time.Second
	minTTL      = time.Second
	resolveTime = 10 * time.Second // for one answer
)

// A source is an entry of a row: a fixed address, or a target with its last good answer.
type source struct {
	resolver endpoints.Resolver // nil for a fixed address
	target   *url.URL
	again    chan struct{} // room for one: an endpoint refused; written by poke, read by watch

	// Guarded by the mutex of its home.
	fixed []endpoints.Endpoint
	err   error // of the last time it was asked; nil before the first
}

// poke asks for a new answer soon.
func (s *source) poke() {
	select {
	case s.again <- struct{}{}:
	default:
	}
}

// watch asks until life ends, and tells each answer.
func (s *source) watch(life context.Context, tell func([]endpoints.Endpoint, error)) {
	var backoff reconnect.Backoff
	for life.Err() == nil {
		answer, err := s.ask(life)
		if life.Err() != nil {
			return
		}
		tell(answer.Endpoints, err)
		ttl := answer.TTL
		switch {
		case err != nil || len(answer.Endpoints) == 0:
			ttl = max(backoff.Next(), minTTL)
		case ttl == 0:
			backoff, ttl = reconnect.Backoff{}, defaultTTL
		default:
			backoff = reconnect.Backoff{}
		}
		if !s.pause(life, max(ttl, minTTL), answer.Changed) {
			return
		}
	}
}

func (s *source) ask(life context.Context) (answer endpoints.Answer, err error) {
	ctx, cancel := context.WithTimeout(life, resolveTime)
	defer cancel()
	defer func() {
		if recover() != nil { // of an application's resolver
			answer, err = endpoints.Answer{}, errors.New("the resolver panicked")
		}
	}()
	return s.resolver.Resolve(ctx, s.target)
}

// pause waits until it is time to ask again; false when life ended. At least a second passes.
func (s *source) pause(life context.Context, ttl time.Duration, changed <-chan struct{}) bool {
	if !sleep(life, minTTL, nil, nil) {
		return false
	}
	ttl = ttl*9/10 + rand.N(ttl/5) - minTTL
	return sleep(life, max(ttl, 0), s.again, changed)
}

// sleep waits for d or one of the channels; false when ctx ended.
func sleep(ctx context.Context, d time.Duration, a, b <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-a:
	case <-b:
	case <-ctx.Done():
		return false
	}
	return true
}
