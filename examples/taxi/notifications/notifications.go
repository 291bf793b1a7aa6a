// Package notifications tells riders what happens to their trips.
package notifications

import (
	"context"
	"time"

	"github.com/polywire/polywire/examples/taxi/api"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// Start serves on bus until that is drained. It has one handler a topic; a wildcard, as in
// bus.Subscribe(ctx, "trip.*", …), gives messages of several types as bytes.
func Start(ctx context.Context, bus contract.Bus, log api.Log) error {
	group := transport.WithGroup("notifications")
	_, err := api.Assigned.Subscribe(ctx, bus, func(_ context.Context, in *api.TripAssigned) error {
		log("notifications", "publish/subscribe", "to the rider of trip %s: %s is there in %.0f minutes", in.Trip, in.Bid.Driver, in.Bid.Arrives.Round(time.Minute).Minutes())
		return nil
	}, group)
	if err != nil {
		return err
	}
	_, err = api.Completed.Subscribe(ctx, bus, func(_ context.Context, in *api.TripCompleted) error {
		log("notifications", "publish/subscribe", "to %s: thank you for riding with %s; your receipt is %s", in.Name, in.Driver, in.Receipt)
		return nil
	}, group)
	return err
}
