// Package trips takes a ride from the rider's wish to the receipt.
package trips

import (
	"context"
	"errors"
	"sync"

	"github.com/polywire/polywire/examples/taxi/api"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// A trips service keeps the trips in progress in memory. Messages may come twice
// from a broker, so each step is one that can be made again.
type service struct {
	verify    *contract.Requester[api.VerifyRequest, api.Account]
	receipt   *contract.Requester[api.ReceiptRequest, api.Receipt]
	created   *contract.Publisher[api.TripCreated]
	completed *contract.Publisher[api.TripCompleted]
	declined  *contract.Publisher[api.TripDeclined]
	log       api.Log

	mu    sync.Mutex // guards trips
	trips map[string]trip
}

type trip struct {
	rider, name string
}

// Start serves on bus until that is drained.
func Start(ctx context.Context, bus contract.Bus, log api.Log) error {
	s := &service{
		verify: api.Verify.On(bus), receipt: api.MakeReceipt.On(bus),
		created: api.Created.On(bus), completed: api.Completed.On(bus), declined: api.Declined.On(bus),
		log: log, trips: map[string]trip{},
	}
	if _, err := api.Finish.Handle(ctx, bus, s.finish, api.Patient()); err != nil {
		return err
	}
	_, err := api.Pickup.Handle(ctx, bus, s.pickup, api.Patient())
	return err
}

func (s *service) pickup(ctx context.Context, in *api.PickupRequest) error {
	s.log("trips", "notification", "%s wants to go from %s to %s", in.Rider, in.From, in.To)
	account, err := s.verify.Request(ctx, &api.VerifyRequest{Rider: in.Rider})
	var refused api.NotAllowed
	if errors.As(err, &refused) {
		s.log("trips", "request/response", "no ride: %v", refused)
		return s.declined.Publish(ctx, &api.TripDeclined{Trip: in.Trip, Reason: refused.Error()})
	}
	if err != nil {
		s.log("trips", "request/response", "nobody says who %s is, so the order comes again: %v", in.Rider, err)
		return err
	}
	s.mu.Lock()
	s.trips[in.Trip] = trip{rider: in.Rider, name: account.Name}
	s.mu.Unlock()
	s.log("trips", "publish/subscribe", "trip %s of %s is created", in.Trip, account.Name)
	return s.created.Publish(ctx, &api.TripCreated{Trip: in.Trip, Name: account.Name, From: in.From, To: in.To})
}

func (s *service) finish(ctx context.Context, in *api.TripFinished) error {
	s.mu.Lock()
	t, ok := s.trips[in.Trip]
	s.mu.Unlock()
	if !ok {
		return transport.CodeNotFound.Errorf("trip %.40q: this process did not create it, or was started anew since", in.Trip)
	}
	future, err := s.receipt.RequestAsync(ctx, &api.ReceiptRequest{Trip: in.Trip, Rider: t.rider, Cents: in.Cents})
	if err != nil {
		return err
	}
	s.log("trips", "async request", "%s is there; the receipt is being made", t.name)
	receipt, err := future.Await(ctx)
	if err != nil {
		return err
	}
	return s.completed.Publish(ctx, &api.TripCompleted{
		Trip: in.Trip, Name: t.name, Driver: in.Driver, Cents: in.Cents, Receipt: receipt.Number,
	})
}
