// Package dispatch finds a driver for each trip.
package dispatch

import (
	"context"
	"time"

	"github.com/polywire/polywire/examples/taxi/api"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// patience is how long drivers have for a bid, and stall how long after the
// last one others are waited for, where nobody knows how many there are.
const (
	patience = 2 * time.Second
	stall    = 300 * time.Millisecond
)

// Start serves on bus until that is drained.
func Start(ctx context.Context, bus contract.Bus, log api.Log) error {
	bids, assigned := api.Bids.On(bus), api.Assigned.On(bus)
	_, err := api.Created.Subscribe(ctx, bus, func(ctx context.Context, in *api.TripCreated) error {
		best, err := cheapest(ctx, bids, in, log)
		if err != nil {
			return err // comes again: a driver may be free then
		}
		log("dispatch", "publish/subscribe", "trip %s is %s's", in.Trip, best.Driver)
		return assigned.Publish(ctx, &api.TripAssigned{Trip: in.Trip, Bid: *best})
	}, transport.WithGroup("dispatch"), transport.WithConcurrency(16), api.Patient())
	return err
}

// cheapest asks all drivers, and takes the best of those who answer in time.
func cheapest(ctx context.Context, bids *contract.Gatherer[api.Offer, api.Bid], in *api.TripCreated, log api.Log) (*api.Bid, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	g, err := bids.Gather(ctx, &api.Offer{Trip: in.Trip, From: in.From, To: in.To}, transport.WithStall(stall), transport.WithMax(100))
	if err != nil {
		return nil, err
	}
	var best *api.Bid
	for r := range g.All() {
		if r.Err != nil {
			continue // a driver who cannot say a price drives nobody
		}
		log("dispatch", "scatter/gather", "%s would drive trip %s for %d.%02d", r.Value.Driver, in.Trip, r.Value.Cents/100, r.Value.Cents%100)
		if best == nil || r.Value.Cents < best.Cents {
			best = r.Value
		}
	}
	if best == nil {
		return nil, transport.CodeUnavailable.Errorf("no driver bids for trip %.40q", in.Trip)
	}
	return best, nil
}
