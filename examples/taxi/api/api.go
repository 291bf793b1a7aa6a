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
	Trip  string `json:"trip"`
	Rider string `json:"rider"`
	From  string `json:"from"`
	To    string `json:"to"`
}

// Accounts.

// A VerifyRequest asks who a rider is.
type VerifyRequest struct {
	Rider string `json:"rider"`
}

// An Account is a rider that may ride.
type Account struct {
	Rider string `json:"rider"`
	Name  string `json:"name"`
}

// NotAllowed is the failure of Verify for a rider who may not ride.
type NotAllowed struct {
	Rider  string `json:"rider"`
	Reason string `json:"reason"`
}

func (n NotAllowed) Error() string { return n.Rider + " may not ride: " + n.Reason }

// A ReceiptRequest asks for the receipt of a trip.
type ReceiptRequest struct {
	Trip  string `json:"trip"`
	Rider string `json:"rider"`
	Cents int64  `json:"cents"`
}

// A Receipt is the proof of a payment.
type Receipt struct {
	Number string `json:"number"`
	Cents  int64  `json:"cents"`
}

// Trips and drivers.

// A TripCreated tells that a verified rider waits.
type TripCreated struct {
	Trip string `json:"trip"`
	Name string `json:"name"`
	From string `json:"from"`
	To   string `json:"to"`
}

// An Offer asks drivers what they want for a trip.
type Offer struct {
	Trip string `json:"trip"`
	From string `json:"from"`
	To   string `json:"to"`
}

// A Bid is one driver's answer.
type Bid struct {
	Driver  string        `json:"driver"`
	Cents   int64         `json:"cents"`
	Arrives time.Duration `json:"arrives"`
}

// A TripAssigned tells who drives.
type TripAssigned struct {
	Trip string `json:"trip"`
	Bid  Bid    `json:"bid"`
}

// A TripFinished is the driver's word that the rider is there.
type TripFinished struct {
	Trip   string `json:"trip"`
	Driver string `json:"driver"`
	Cents  int64  `json:"cents"`
}

// A TripDeclined tells why there is no ride.
type TripDeclined struct {
	Trip   string `json:"trip"`
	Reason string `json:"reason"`
}

// A TripCompleted tells how a trip went; the outcome of the whole example.
type TripCompleted struct {
	Trip    string `json:"trip"`
	Name    string `json:"name"`
	Driver  string `json:"driver"`
	Cents   int64  `json:"cents"`
	Receipt string `json:"receipt"`
}

// The endpoints, by style. Keys keep the events of one trip in order.
var (
	// One way: the rider does not wait.
	Pickup = contract.NewQueue[PickupRequest]("trip.pickup", contract.KeyOf(func(p *PickupRequest) string { return p.Trip }))
	Finish = contract.NewQueue[TripFinished]("trip.finish", contract.KeyOf(func(f *TripFinished) string { return f.Trip }))

	// Request and response: no trip without a verified account.
	Verify = contract.NewMethod[VerifyRequest, Account]("account.verify", contract.Idempotent(),
		contract.Fails[NotAllowed](transport.CodePermissionDenied))

	// Request and asynchronous response: the payment takes its time.
	MakeReceipt = contract.NewMethod[ReceiptRequest, Receipt]("account.receipt", contract.Idempotent())

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

// A Log takes the timeline of a ride: who did what, in which style.
type Log func(service, style, format string, args ...any)
