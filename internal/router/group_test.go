package router

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/polywire/polywire/transport"
)

// A recorder sees in which order the messages of each key are handled, by all members together.
type recorder struct {
	t       *testing.T
	wait    sync.WaitGroup // goroutines
	handled sync.WaitGroup // messages still expected

	mu   sync.Mutex
	last map[string]int  // of each key
	busy map[string]bool // a message of it is being handled
}

// member returns a sink that handles each message on a goroutine of its own and
// keeps a key's order among what it was delivered, as the core does.
func (r *recorder) member() *calling {
	var mu sync.Mutex
	tails := map[string]chan struct{}{}
	return &calling{func(d transport.Delivery) {
		key := d.Envelope().Key
		mine := make(chan struct{})
		mu.Lock()
		before := tails[key]
		tails[key] = mine
		mu.Unlock()
		r.wait.Go(func() {
			defer close(mine)
			if before != nil {
				<-before
			}
			r.handle(d)
			r.handled.Done()
			_ = d.Accept(context.Background())
		})
	}}
}

func (r *recorder) handle(d transport.Delivery) {
	key := d.Envelope().Key
	n, _ := strconv.Atoi(string(d.Envelope().Body))
	r.mu.Lock()
	if r.busy[key] {
		r.t.Errorf("two messages of key %s are handled at once", key)
	}
	if n != r.last[key]+1 {
		r.t.Errorf("key %s: message %d after %d", key, n, r.last[key])
	}
	r.last[key], r.busy[key] = n, true
	r.mu.Unlock()
	if n%7 == 0 {
		for range 100 {
			_ = fmt.Sprint(n) // some take longer than others
		}
	}
	r.mu.Lock()
	r.busy[key] = false
	r.mu.Unlock()
}

func newRecorder(t *testing.T, messages int) *recorder {
	r := &recorder{t: t, last: map[string]int{}, busy: map[string]bool{}}
	r.handled.Add(messages)
	return r
}

func TestMessagesOfAKeyKeepTheirOrderWhileMembersComeAndGo(t *testing.T) {
	const keys, each = 16, 600
	r := start(t, Options{Messages: 64})
	rec := newRecorder(t, keys*each)
	bind(t, r, queueOf("a", 8), rec.member())
	var senders sync.WaitGroup
	for k := range keys {
		senders.Go(func() {
			for n := range each {
				if err := r.Send(context.Background(), keyed("a", fmt.Sprint("k", k), strconv.Itoa(n+1))); err != nil {
					t.Errorf("send: %v", err)
					return
				}
			}
		})
	}
	over := make(chan struct{})
	go func() { senders.Wait(); close(over) }()
	rng := rand.New(rand.NewPCG(1, 1))
	var bound []transport.Bound
	for {
		select {
		case <-over:
		default:
			bound = append(bound, bind(t, r, queueOf("a", 1+rng.IntN(8)), rec.member()))
			if len(bound) > 3 {
				i := rng.IntN(len(bound))
				if err := bound[i].Unbind(t.Context()); err != nil {
					t.Error(err)
				}
				bound = slices.Delete(bound, i, i+1)
			}
			continue
		}
		break
	}
	rec.handled.Wait()
	rec.wait.Wait()
	for k := range keys {
		if got := rec.last[fmt.Sprint("k", k)]; got != each {
			t.Errorf("key k%d: %d of %d handled", k, got, each)
		}
	}
}

func TestAMemberThatLeavesAndReleasesKeepsTheOrderOfKeys(t *testing.T) {
	const keys, each = 8, 50
	r := start(t, Options{})
	rec := newRecorder(t, keys*(each+1))
	leaver := &keeper{}
	b := bind(t, r, queueOf("a", keys*each), leaver)
	for n := range each {
		for k := range keys {
			send(t, r, keyed("a", fmt.Sprint("k", k), strconv.Itoa(n+1)))
		}
	}
	bind(t, r, queueOf("a", 4), rec.member())
	bind(t, r, queueOf("a", 4), rec.member())
	if err := b.Unbind(t.Context()); err != nil {
		t.Fatal(err)
	}
	for k := range keys { // these come before what is released below
		send(t, r, keyed("a", fmt.Sprint("k", k), strconv.Itoa(each+1)))
	}
	given := leaver.all()
	rng := rand.New(rand.NewPCG(2, 2))
	rng.Shuffle(len(given), func(i, j int) { given[i], given[j] = given[j], given[i] })
	for _, d := range given {
		if err := d.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	rec.handled.Wait()
	rec.wait.Wait()
	for k := range keys {
		if got := rec.last[fmt.Sprint("k", k)]; got != each+1 {
			t.Errorf("key k%d: handled up to %d, want %d", k, got, each+1)
		}
	}
	q, _ := r.queues.Load("a")
	if n := len(q.(*queue).pins); n != 0 {
		t.Errorf("%d keys are pinned though nothing is in flight", n)
	}
}

func TestKeysSpreadOverMembersAndStayThere(t *testing.T) {
	r := start(t, Options{})
	var members [3]keeper
	for i := range members {
		members[i].on = accept
		bind(t, r, queueOf("a", 4), &members[i])
	}
	for range 4 {
		for k := range 100 {
			send(t, r, keyed("a", strconv.Itoa(k), ""))
		}
	}
	owner := map[string]int{}
	for i := range members {
		if members[i].len() < 40 {
			t.Errorf("member %d got %d of 400 messages: keys are not spread", i, members[i].len())
		}
		for _, d := range members[i].all() {
			key := d.Envelope().Key
			if had, ok := owner[key]; ok && had != i {
				t.Errorf("key %s went to members %d and %d", key, had, i)
			}
			owner[key] = i
		}
	}
}

func TestAKeyWhoseMemberIsBusyDelaysNoOther(t *testing.T) {
	r := start(t, Options{})
	var members [2]keeper
	for i := range members {
		bind(t, r, queueOf("a", 1), &members[i])
	}
	for k := range 50 {
		send(t, r, keyed("a", strconv.Itoa(k), ""))
	}
	before := members[1].len()
	for members[1].len() > 0 && before < 10 {
		accept(members[1].all()[before-1])
		if members[1].len() == before {
			break
		}
		before = members[1].len()
	}
	if members[0].len() != 1 || before < 10 {
		t.Errorf("the stuck member has %d, the other handled %d; want 1 and at least 10", members[0].len(), before)
	}
}

func TestAGroupWithSeveralPatternsKeepsTheOrderOfKeys(t *testing.T) {
	r := start(t, Options{})
	var members [2]keeper
	bind(t, r, topicOf("trip.*", "g", 1000), &members[0])
	bind(t, r, topicOf(">", "g", 1000), &members[1])
	for n := range 20 {
		for k := range 20 {
			if err := r.Publish(t.Context(), keyed("trip.created", strconv.Itoa(k), strconv.Itoa(n))); err != nil {
				t.Fatal(err)
			}
		}
	}
	owner := map[string]int{}
	for i := range members {
		for _, d := range members[i].all() {
			if had, ok := owner[d.Envelope().Key]; ok && had != i {
				t.Errorf("key %s went to both", d.Envelope().Key)
			}
			owner[d.Envelope().Key] = i
		}
	}
	if len(owner) != 20 || members[0].len()+members[1].len() != 400 {
		t.Errorf("%d keys, %d + %d deliveries; want 20 keys and 400 deliveries", len(owner), members[0].len(), members[1].len())
	}
}
