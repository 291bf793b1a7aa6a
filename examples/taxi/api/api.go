// Package api is what the services of the taxi example offer each other. It was
// written first: the services, their tests and the configuration follow it.
//
//	rider ── Pickup ──────────▶ trips ── Verify ──▶ accounts
//	                              │ Created ──────▶ dispatch, notifications
//	            drivers ◀── Bids ─┼─ dispatch
//	            drivers ◀─────────┼─ Assigned ────▶ notifications
//	            drivers ── Finish ▶ trips ── Receipt ▶ accounts
//	                              └ Completed, Declined ▶ notifications, rider
package api

import (
	"time"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// A PickupRequest is a rider's wish to be taken somewhere.
type PickupRequest struct {
	Trip  string `wire:"trip,1"`
	Rider string `wire:"rider,2"`
	From  string `wire:"from,3"`
	To    string `wire:"to,4"`
}

// Accounts.

// A VerifyRequest asks who a rider is.
type VerifyRequest struct {
	Rider string `wire:"rider,1"`
}

// An Account is a rider that may ride.
type Account struct {
	Rider string `wire:"rider,1"`
	Name  string `wire:"name,2"`
}

// NotAllowed is the failure of Verify for a rider who may not ride.
type NotAllowed struct {
	Rider  string `wire:"rider,1"`
	Reason string `wire:"reason,2"`
}

func (n NotAllowed) Error() string { return n.Rider + " may not ride: " + n.Reason }

// A ReceiptRequest asks for the receipt of a trip.
type ReceiptRequest struct {
	Trip  string `wire:"trip,1"`
	Rider string `wire:"rider,2"`
	Cents int64  `wire:"cents,3"`
}

// A Receipt is the proof of a payment.
type Receipt struct {
	Number string `wire:"number,1"`
	Cents  int64  `wire:"cents,2"`
}

// Trips and drivers.

// A TripCreated tells that a verified rider waits.
type TripCreated struct {
	Trip string `wire:"trip,1"`
	Name string `wire:"name,2"`
	From string `wire:"from,3"`
	To   string `wire:"to,4"`
}

// An Offer asks drivers what they want for a trip.
type Offer struct {
	Trip string `wire:"trip,1"`
	From string `wire:"from,2"`
	To   string `wire:"to,3"`
}

// A Bid is one driver's answer.
type Bid struct {
	Driver  string        `wire:"driver,1"`
	Cents   int64         `wire:"cents,2"`
	Arrives time.Duration `wire:"arrives,3"`
}

// A TripAssigned tells who drives.
type TripAssigned struct {
	Trip string `wire:"trip,1"`
	Bid  Bid    `wire:"bid,2"`
}

// A TripFinished is the driver's word that the rider is there.
type TripFinished struct {
	Trip   string `wire:"trip,1"`
	Driver string `wire:"driver,2"`
	Cents  int64  `wire:"cents,3"`
}

// A TripDeclined tells why there is no ride.
type TripDeclined struct {
	Trip   string `wire:"trip,1"`
	Reason string `wire:"reason,2"`
}

// A TripCompleted tells how a trip went; the outcome of the whole example, which
// prints it as JSON.
type TripCompleted struct {
	Trip    string `json:"trip" wire:"trip,1"`
	Name    string `json:"name" wire:"name,2"`
	Driver  string `json:"driver" wire:"driver,3"`
	Cents   int64  `json:"cents" wire:"cents,4"`
	Receipt string `json:"receipt" wire:"receipt,5"`
}

// The endpoints, by style. Keys keep the events of one trip in order.
var (
	// One way: the rider does not wait.
	Pickup = contract.NewQueue[PickupRequest]("trip.pickup", contract.KeyOf(func(p *PickupRequest) string { return p.Trip }),
		contract.HTTP("PUT /trips/{trip}"), contract.Param("trip", func(p *PickupRequest) *string { return &p.Trip }))
	Finish = contract.NewQueue[TripFinished]("trip.finish", contract.KeyOf(func(f *TripFinished) string { return f.Trip }),
		contract.HTTP("POST /trips/{trip}:finish"), contract.Param("trip", func(f *TripFinished) *string { return &f.Trip }))

	// Request and response: no trip without a verified account.
	Verify = contract.NewMethod[VerifyRequest, Account]("account.verify", contract.Idempotent(),
		contract.Fails[NotAllowed](transport.CodePermissionDenied),
		contract.HTTP("GET /accounts/{rider}"), contract.Param("rider", func(v *VerifyRequest) *string { return &v.Rider }))

	// Request and asynchronous response: the payment takes its time.
	MakeReceipt = contract.NewMethod[ReceiptRequest, Receipt]("account.receipt", contract.Idempotent(),
		contract.HTTP("PUT /trips/{trip}/receipt"), contract.Param("trip", func(r *ReceiptRequest) *string { return &r.Trip }))

	// Publish and subscribe: whoever cares, listens.
	Created   = contract.NewTopic[TripCreated]("trip.created", contract.KeyOf(func(t *TripCreated) string { return t.Trip }))
	Assigned  = contract.NewTopic[TripAssigned]("dispatch.assigned", contract.KeyOf(func(t *TripAssigned) string { return t.Trip }))
	Completed = contract.NewTopic[TripCompleted]("trip.completed", contract.KeyOf(func(t *TripCompleted) string { return t.Trip }))
	Declined  = contract.NewTopic[TripDeclined]("trip.declined", contract.KeyOf(func(t *TripDeclined) string { return t.Trip }))

	// Publish and asynchronous responses: every driver may bid.
	Bids = contract.NewSurvey[Offer, Bid]("dispatch.bids")
)

// The services, which own the destinations. The drivers and the notifications own none: they listen.
var (
	Accounts = contract.NewService("accounts", Verify, MakeReceipt)
	Trips    = contract.NewService("trips", Pickup, Finish, Created, Completed, Declined)
	Dispatch = contract.NewService("dispatch", Bids, Assigned)
)

// Patient handles again what failed, for about five minutes, before it becomes a dead letter: somebody waits in the
// rain, and a broker that was killed, with all services in its wake, takes its time.
func Patient() transport.BindOption { return transport.WithRetry(33, time.Second, 10*time.Second) }

// A Log takes the timeline of a ride: who did what, in which style.
type Log func(service, style, format string, args ...any)
