package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// A publisher is a library with subscriptions.
type publisher interface {
	// publication prepares what is called again and again: it publishes body to topic.
	publication(ctx context.Context, topic string, body []byte) (func() error, error)
	close() error
}

// A subscriber opens a publisher with one subscription for each pattern. Every
// delivery calls deliver with the number of its subscription, from any goroutine.
type subscriber func(ctx context.Context, patterns []string, deliver func(subscription int, body []byte)) (publisher, error)

// A traffic is what is published to whom.
type traffic struct {
	patterns []string
	topics   []string // published to in turn
	reach    int      // subscriptions that each message reaches
	size     int      // bytes of a body
}

// fanout is one topic and its subscribers.
func fanout(subscribers int) traffic {
	const topic = "trip.created"
	return traffic{patterns: slices.Repeat([]string{topic}, subscribers), topics: []string{topic}, reach: subscribers, size: small}
}

const small = 128 // bytes of a body

// window is how many messages a publisher is ahead of its subscribers at most. It is the same
// for all, because some drop what does not fit into their queues.
func (t traffic) window() int { return min(64, max(1, 6400/t.reach)) }

func publishes(name, kind string, open subscriber, t traffic) entry {
	return entry{name: name, kind: kind, open: func(ctx context.Context) (rig, error) {
		r := &publishRig{traffic: t, open: open, count: &tally{reached: make(chan struct{}, 1)}}
		var err error
		if r.publisher, err = open(ctx, t.patterns, func(int, []byte) { r.count.add() }); err != nil {
			return nil, err
		}
		body := filled(t.size, 'p')
		for _, topic := range t.topics {
			send, err := r.publication(ctx, topic, body)
			if err != nil {
				return nil, errors.Join(err, r.close())
			}
			r.sends = append(r.sends, send)
		}
		return r, nil
	}}
}

// A publishRig publishes, and waits for the subscribers at the end of each window.
type publishRig struct {
	publisher
	traffic traffic
	open    subscriber
	sends   []func() error
	next    int // of sends
	count   *tally
}

func (r *publishRig) run(ctx context.Context, n int) error {
	most := r.traffic.window()
	for left := n; left > 0; {
		some := min(left, most)
		left -= some
		r.count.expect(some * r.traffic.reach)
		for range some {
			if err := r.sends[r.next](); err != nil {
				return err
			}
			if r.next++; r.next == len(r.sends) {
				r.next = 0
			}
		}
		if err := r.count.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// proofs is how many topics prove publishes to; a line with thousands differs in names alone.
const proofs = 64

// prove opens another publisher and publishes a body of its own to each of some topics:
// each must reach as many subscriptions as it should, each of them once.
func (r *publishRig) prove(ctx context.Context) error {
	got := &receipts{by: map[string][]int{}}
	count := &tally{reached: make(chan struct{}, 1)}
	p, err := r.open(ctx, r.traffic.patterns, func(subscription int, body []byte) {
		got.add(string(body), subscription)
		count.add()
	})
	if err != nil {
		return err
	}
	step := max(1, len(r.traffic.topics)/proofs)
	for i := 0; i < len(r.traffic.topics); i += step {
		topic := r.traffic.topics[i]
		count.expect(r.traffic.reach)
		body := filled(r.traffic.size, '.')
		copy(body, topic)
		send, err := p.publication(ctx, topic, body)
		if err == nil {
			err = send()
		}
		if err == nil {
			err = count.wait(ctx)
		}
		if err == nil {
			err = got.check(string(body), r.traffic.reach)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("to %s: %w", topic, err), p.close())
		}
	}
	return p.close()
}

// receipts are who got what.
type receipts struct {
	mu sync.Mutex
	by map[string][]int // body → subscriptions
}

func (r *receipts) add(body string, subscription int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.by[body] = append(r.by[body], subscription)
}

// check holds that body, and nothing else, came since the last check, to reach subscriptions once each.
func (r *receipts) check(body string, reach int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	who := slices.Clone(r.by[body])
	others := len(r.by) - 1
	clear(r.by)
	slices.Sort(who)
	if once := len(slices.Compact(slices.Clone(who))); len(who) != reach || once != reach || others != 0 {
		return fmt.Errorf("%d deliveries to %d subscriptions and %d strange bodies, want %d to as many and none", len(who), once, others, reach)
	}
	return nil
}

// A tally counts deliveries and tells when all that are expected have come.
type tally struct {
	got, want atomic.Int64
	reached   chan struct{} // capacity 1: written by the last delivery expected, read by wait
}

// expect raises what is expected. It is called when all that was has come.
func (t *tally) expect(more int) { t.want.Add(int64(more)) }

func (t *tally) add() {
	if t.got.Add(1) == t.want.Load() {
		t.reached <- struct{}{}
	}
}

// wait returns when all that is expected has come. What was lost it waits for until ctx ends.
func (t *tally) wait(ctx context.Context) error {
	select {
	case <-t.reached:
	case <-ctx.Done():
		return fmt.Errorf("got %d deliveries, want %d: %w", t.got.Load(), t.want.Load(), context.Cause(ctx))
	}
	if got, want := t.got.Load(), t.want.Load(); got != want {
		return fmt.Errorf("got %d deliveries, want %d", got, want)
	}
	return nil
}
