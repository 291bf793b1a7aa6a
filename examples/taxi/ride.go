package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/polywire/polywire/examples/taxi/api"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// An outcome is what can be compared between transports.
type outcome struct {
	Ordered   int                 `json:"ordered"`
	Refused   int                 `json:"refused"`  // orders that failed, so that nobody has promised anything
	Accepted  int                 `json:"accepted"` // orders that were taken
	Completed int                 `json:"completed"`
	Declined  int                 `json:"declined"`        // by the trips service, which says why
	Lost      int                 `json:"lost"`            // accepted, and nothing heard of in time
	Doubled   int                 `json:"doubled"`         // told to be complete more than once
	Error     string              `json:"error,omitempty"` // of the last order that was refused
	Trips     []api.TripCompleted `json:"trips"`
}

func (o *outcome) write(w io.Writer, format string) error {
	if format == "json" {
		return json.NewEncoder(w).Encode(o)
	}
	if o.Ordered > 1 || o.Refused+o.Declined+o.Lost > 0 {
		_, err := fmt.Fprintf(w, "\n%d ordered: %d refused, %d accepted; %d completed, %d declined, %d lost, %d told twice\n",
			o.Ordered, o.Refused, o.Accepted, o.Completed, o.Declined, o.Lost, o.Doubled)
		return err
	}
	for _, t := range o.Trips {
		if _, err := fmt.Fprintf(w, "\n%s rode with %s for %d.%02d, receipt %s\n", t.Name, t.Driver, t.Cents/100, t.Cents%100, t.Receipt); err != nil {
			return err
		}
	}
	return nil
}

// A rider orders rides and waits for their ends.
type rider struct {
	pickup *contract.Sender[api.PickupRequest]
	log    api.Log

	mu       sync.Mutex // guards the fields below
	waiting  map[string]bool
	done     map[string]api.TripCompleted // with an empty Driver for a trip that was declined
	doubled  int
	progress chan struct{} // capacity 1: written by ended, read by wait
}

func newRider(ctx context.Context, bus contract.Bus, o *options, log api.Log) (*rider, error) {
	r := &rider{
		pickup: api.Pickup.On(bus), log: log,
		waiting: map[string]bool{}, done: map[string]api.TripCompleted{}, progress: make(chan struct{}, 1),
	}
	// A group of its own, so that a broker keeps the news while the rider is in a tunnel.
	group := "rider-" + strings.Map(func(c rune) rune {
		if c == '.' {
			return '-'
		}
		return c
	}, o.trip)
	_, err := api.Completed.Subscribe(ctx, bus, func(_ context.Context, in *api.TripCompleted) error {
		r.ended(in, "has arrived, and has receipt "+in.Receipt)
		return nil
	}, transport.WithGroup(group))
	if err != nil {
		return nil, err
	}
	_, err = api.Declined.Subscribe(ctx, bus, func(_ context.Context, in *api.TripDeclined) error {
		r.ended(&api.TripCompleted{Trip: in.Trip}, "walks: "+in.Reason)
		return nil
	}, transport.WithGroup(group))
	return r, err
}

func (r *rider) ended(in *api.TripCompleted, how string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !r.waiting[in.Trip]: // somebody else's
		return
	case r.done[in.Trip].Trip != "":
		r.doubled++
		return
	}
	r.done[in.Trip] = *in
	r.log(riderName, "publish/subscribe", "%s", how)
	select {
	case r.progress <- struct{}{}:
	default:
	}
}

// order sends one wish. From then on its end counts, also when the order is said to have failed.
func (r *rider) order(ctx context.Context, o *options, trip string) error {
	r.mu.Lock()
	r.waiting[trip] = true
	r.mu.Unlock()
	return r.pickup.Send(ctx, &api.PickupRequest{Trip: trip, Rider: o.rider, From: "Market Square", To: "Analytical Engine Lane"})
}

// wait returns once all of trips are complete, or ctx ends.
func (r *rider) wait(ctx context.Context, trips []string) {
	for {
		r.mu.Lock()
		open := slices.ContainsFunc(trips, func(t string) bool { return r.done[t].Trip == "" })
		r.mu.Unlock()
		if !open {
			return
		}
		select {
		case <-r.progress:
		case <-ctx.Done():
			return
		}
	}
}

// outcome counts what became of the accepted trips.
func (r *rider) outcome(accepted []string) *outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := &outcome{Accepted: len(accepted), Doubled: r.doubled, Trips: []api.TripCompleted{}}
	for _, t := range accepted {
		switch done, ok := r.done[t]; {
		case !ok:
			out.Lost++
		case done.Driver == "":
			out.Declined++
		default:
			out.Completed++
			out.Trips = append(out.Trips, done)
		}
	}
	return out
}

// ride takes the rides that the flags ask for.
func (s *system) ride(ctx context.Context) (*outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.patience)
	defer cancel()
	r, leave, err := s.rider(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var accepted []string
	var last error
	for i := range s.o.rides {
		trip := s.o.trip
		if s.o.rides > 1 {
			trip = fmt.Sprintf("%s-%d", s.o.trip, i+1)
		}
		if err := r.order(ctx, s.o, trip); err != nil {
			last = err
			s.line.log(riderName, "notification", "the order of trip %s is refused: %v", trip, err)
			continue
		}
		accepted = append(accepted, trip)
	}
	r.wait(ctx, accepted)
	out := r.outcome(accepted)
	if s.whole != nil { // memory keeps nothing for services that stop, so let the last rider be told first
		s.line.await(ctx, "notifications", 2*out.Completed)
	}
	out.Ordered, out.Refused = s.o.rides, s.o.rides-len(accepted)
	if last != nil {
		out.Error = last.Error()
	}
	return out, nil
}

// rider connects the rider, who shares the bus of a system that has one.
func (s *system) rider(ctx context.Context) (r *rider, leave func(), err error) {
	if s.whole != nil {
		r, err = newRider(ctx, s.whole, s.o, s.line.log)
		return r, func() {}, err
	}
	err = untilAvailable(ctx, func() error {
		bus, err := s.open(ctx, riderName)
		if err != nil {
			return err
		}
		leave = func() { _ = bus.Close() } // everything that counts is known by now
		if r, err = newRider(ctx, bus, s.o, s.line.log); err != nil {
			leave()
		}
		return err
	})
	return r, leave, err
}

// outage orders a ride while the trips service is down, and starts that again.
//
// A broker keeps the order, and the ride takes place. In memory, over HTTP and gRPC the order is
// refused with an error that says why, and the rider orders again.
func (s *system) outage(ctx context.Context) (*outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.patience)
	defer cancel()
	r, leave, err := s.rider(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := s.halt(ctx, "trips"); err != nil {
		return nil, err
	}
	s.line.log("trips", "", "is down")
	out := &outcome{}
	if err := r.order(ctx, s.o, s.o.trip); err != nil {
		out.Refused, out.Error = 1, err.Error()
		s.line.log(riderName, "notification", "the order is refused: %v", err)
	} else {
		s.line.log(riderName, "notification", "the order is accepted: it waits for the service")
	}
	if err := s.start(ctx, "trips"); err != nil {
		return nil, err
	}
	s.line.log("trips", "", "is up again")
	for out.Refused > 0 && ctx.Err() == nil && r.outcome([]string{s.o.trip}).Completed == 0 {
		// Subscribers of the service attach to it again by themselves, within a second; until they have, nobody sees the trip.
		if err := r.order(ctx, s.o, s.o.trip); err != nil {
			s.line.log(riderName, "notification", "the order is refused: %v", err)
		}
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		r.wait(short, []string{s.o.trip})
		cancel()
	}
	r.wait(ctx, []string{s.o.trip})
	end := r.outcome([]string{s.o.trip})
	end.Ordered, end.Refused, end.Error = 1+out.Refused, out.Refused, out.Error
	return end, nil
}
