// Package accounts knows the riders, and makes receipts.
package accounts

import (
	"context"
	"fmt"
	"hash/crc32"

	"github.com/polywire/polywire/examples/taxi/api"
	"github.com/polywire/polywire/transport/contract"
)

// riders are those who have an account, and why some may not ride.
func riders() map[string]struct{ name, blocked string } {
	return map[string]struct{ name, blocked string }{
		"ada":     {name: "Ada Lovelace"},
		"charles": {name: "Charles Babbage", blocked: "his last three rides are not paid"},
	}
}

// Start serves on bus until that is drained.
func Start(ctx context.Context, bus contract.Bus, log api.Log) error {
	known := riders()
	_, err := api.Verify.Handle(ctx, bus, func(_ context.Context, in *api.VerifyRequest) (*api.Account, error) {
		rider, ok := known[in.Rider]
		switch {
		case !ok:
			return nil, api.NotAllowed{Rider: in.Rider, Reason: "nobody of that name has an account"}
		case rider.blocked != "":
			return nil, api.NotAllowed{Rider: in.Rider, Reason: rider.blocked}
		}
		log("accounts", "request/response", "%s is %s and may ride", in.Rider, rider.name)
		return &api.Account{Rider: in.Rider, Name: rider.name}, nil
	})
	if err != nil {
		return err
	}
	_, err = api.MakeReceipt.Handle(ctx, bus, func(ctx context.Context, in *api.ReceiptRequest) (*api.Receipt, error) {
		answer, err := api.MakeReceipt.Defer(ctx, bus)
		if err != nil {
			return nil, err
		}
		request := *in // valid after the handler has returned
		go func() {    // draining the bus waits for its answer
			receipt := &api.Receipt{Number: number(&request), Cents: request.Cents}
			log("accounts", "async response", "receipt %s over %s", receipt.Number, money(receipt.Cents))
			_ = answer(receipt, nil) // the caller whose time is up asks again
		}()
		return nil, nil
	})
	return err
}

// number is the same for the same trip, so that asking twice makes no second receipt.
func number(r *api.ReceiptRequest) string {
	return fmt.Sprintf("R-%08x", crc32.ChecksumIEEE([]byte(r.Trip+"/"+r.Rider)))
}

func money(cents int64) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }
