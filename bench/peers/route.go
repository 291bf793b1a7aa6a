package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"unsafe"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/polywire/polywire/internal/router"
	"github.com/polywire/polywire/transport"
)

// subscriptions is how many patterns there are in the lines that route.
const subscriptions = 10_000

// patterns are many subscriptions: four fifths are plain names, the rest have a
// wildcard in the middle or at the end.
func patterns() []string {
	out := make([]string, subscriptions)
	for i := range out {
		switch i % 10 {
		case 0:
			out[i] = fmt.Sprintf("region%d.*.order.item%d", i%17, i)
		case 5:
			out[i] = fmt.Sprintf("region%d.shop%d.x%d.>", i%17, i%1009, i)
		default:
			out[i] = fmt.Sprintf("region%d.shop%d.order.item%d", i%17, i%1009, i)
		}
	}
	return out
}

// topics are n different names that reach one of patterns each: the plain ones once, and
// those with wildcards by as many names as are needed.
func topics(n int) []string {
	out := make([]string, n)
	for k := range out {
		i := k % subscriptions
		if k >= subscriptions {
			i = k % (subscriptions / 5) * 5 // one with a wildcard
		}
		switch i % 10 {
		case 0:
			out[k] = fmt.Sprintf("region%d.shop%d.order.item%d", i%17, k, i)
		case 5:
			out[k] = fmt.Sprintf("region%d.shop%d.x%d.late%d", i%17, i%1009, i, k)
		default:
			out[k] = fmt.Sprintf("region%d.shop%d.order.item%d", i%17, i%1009, i)
		}
	}
	return out
}

// strangers are n names that reach nobody, though all but their last word is in use.
func strangers(n int) []string {
	out := make([]string, n)
	for k := range out {
		out[k] = fmt.Sprintf("region%d.shop%d.order.nobody%d", k%17, k%1009, k)
	}
	return out
}

// A lookup finds out who is subscribed to a name.
type lookup interface {
	find(name string) error
	// reach is how many subscriptions a name was found to have.
	reach(name string) (int, error)
	close() error
}

const (
	routerKind  = "look-up alone: Publish of internal/router to nobody"
	sublistKind = "look-up alone: Match of the server's Sublist, with its cache of 1,024 names"
)

// lookups makes an entry that looks n names up in turn which reach nobody, so that nothing but the look-up is done.
func lookups(name, kind string, open func(ctx context.Context, patterns []string) (lookup, error), n int) entry {
	return entry{name: name, kind: kind, open: func(ctx context.Context) (rig, error) {
		l, err := open(ctx, patterns())
		return &lookupRig{lookup: l, names: strangers(n)}, err
	}}
}

type lookupRig struct {
	lookup
	names []string
	next  int
}

func (r *lookupRig) run(ctx context.Context, n int) error {
	for range n {
		if err := r.find(r.names[r.next]); err != nil {
			return err
		}
		if r.next++; r.next == len(r.names) {
			r.next = 0
		}
	}
	return ctx.Err()
}

// prove holds that names which should reach one reach one, and strangers none.
func (r *lookupRig) prove(context.Context) error {
	for _, name := range topics(3 * subscriptions / 2)[subscriptions/2:][:subscriptions/2+proofs] {
		if n, err := r.reach(name); n != 1 || err != nil {
			return fmt.Errorf("%s: got %d subscriptions, %v, want 1", name, n, err)
		}
	}
	for _, name := range r.names[:min(len(r.names), proofs)] {
		if n, err := r.reach(name); n != 0 || err != nil {
			return fmt.Errorf("%s: got %d subscriptions, %v, want none", name, n, err)
		}
	}
	return nil
}

// A routerLookup is the router that a Conn stands on.
type routerLookup struct {
	router *router.Router
	env    *transport.Envelope
	got    *accepting
}

// accepting is a sink that counts.
type accepting struct{ n atomic.Int64 }

func (a *accepting) Deliver(d transport.Delivery) {
	a.n.Add(1)
	_ = d.Accept(context.Background()) // the router's own cannot fail here
}
func (a *accepting) Lost(error) {}

func openRouter(ctx context.Context, patterns []string) (lookup, error) {
	r := &routerLookup{router: router.New(router.Options{}), env: &transport.Envelope{}, got: &accepting{}}
	for _, p := range patterns {
		_, err := r.router.BindInline(ctx, transport.Binding{Kind: transport.KindTopic, Pattern: p, Concurrency: 1, Credit: 1}, r.got)
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
	}
	return r, nil
}

func (r *routerLookup) find(name string) error {
	r.env.Destination = name
	return r.router.Publish(context.Background(), r.env)
}

func (r *routerLookup) reach(name string) (int, error) {
	before := r.got.n.Load()
	err := r.find(name)
	return int(r.got.n.Load() - before), err
}

func (r *routerLookup) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), startGrace)
	defer cancel()
	return r.router.Close(ctx)
}

// A sublistLookup is what NATS' server finds subscriptions in.
type sublistLookup struct{ list *server.Sublist }

// openSublist fills the server's table. Its subscriptions are of a type that is not
// exported, whose one field that the table reads is set by reflection: there is no other way
// to measure the table apart from connections.
func openSublist(_ context.Context, patterns []string) (lookup, error) {
	list := server.NewSublistWithCache()
	insert := reflect.ValueOf(list.Insert)
	for _, p := range patterns {
		sub := reflect.New(insert.Type().In(0).Elem())
		subject := sub.Elem().FieldByName("subject")
		if !subject.IsValid() || subject.Type() != reflect.TypeFor[[]byte]() {
			return nil, errors.New("a subscription of this nats-server has no subject of bytes: look for what its Sublist reads now")
		}
		*(*[]byte)(unsafe.Pointer(subject.UnsafeAddr())) = []byte(p)
		if err, failed := insert.Call([]reflect.Value{sub})[0].Interface().(error); failed {
			return nil, err
		}
	}
	return sublistLookup{list}, nil
}

func (s sublistLookup) find(name string) error {
	s.list.Match(name)
	return nil
}

func (s sublistLookup) reach(name string) (int, error) {
	plain, queues := s.list.NumInterest(name)
	return plain + queues, nil
}

func (s sublistLookup) close() error { return nil }
