// Package drivers bids for trips and drives them.
package drivers

import (
	"context"
	"time"

	"github.com/polywire/polywire/examples/taxi/api"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// A driver has a price.
type driver struct {
	name  string
	cents int64
	far   time.Duration
}

// Start lets three drivers work on bus until that is drained. Each subscribes for itself, so each sees every offer.
func Start(ctx context.Context, bus contract.Bus, log api.Log) error {
	for _, d := range []driver{{"Grace", 1450, 4 * time.Minute}, {"Alan", 1200, 7 * time.Minute}, {"Edsger", 1990, 2 * time.Minute}} {
		if err := d.start(ctx, bus, log); err != nil {
			return err
		}
	}
	return nil
}

func (d driver) start(ctx context.Context, bus contract.Bus, log api.Log) error {
	finish := api.Finish.On(bus)
	_, err := api.Bids.Subscribe(ctx, bus, func(context.Context, *api.Offer) (*api.Bid, error) {
		return &api.Bid{Driver: d.name, Cents: d.cents, Arrives: d.far}, nil
	}, transport.WithConcurrency(16))
	if err != nil {
		return err
	}
	_, err = api.Assigned.Subscribe(ctx, bus, func(ctx context.Context, in *api.TripAssigned) error {
		if in.Bid.Driver != d.name {
			return nil
		}
		log("drivers", "notification", "%s has driven trip %s", d.name, in.Trip)
		return finish.Send(ctx, &api.TripFinished{Trip: in.Trip, Driver: d.name, Cents: in.Bid.Cents})
	}, transport.WithGroup(d.name), transport.WithConcurrency(16), api.Patient()) // a group, so that a broker keeps a trip for the driver whose phone is off
	return err
}
