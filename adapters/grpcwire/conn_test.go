package grpcwire

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/polywire/polywire/internal/homes"
	"github.com/polywire/polywire/transport"
)

func TestACallThatComesAsItsAdapterClosesDoesNotHoldUpClose(t *testing.T) {
	opened, err := openAdapter(t.Context(), "grpc://")
	if err != nil {
		t.Fatal(err)
	}
	a := opened.(*adapter)
	a.mu.Lock()
	a.closed = true // where Close begins
	a.mu.Unlock()
	if _, err := a.calls.get(t.Context(), &target{address: "127.0.0.1:1"}); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	a.mu.Lock()
	a.closed = false
	a.mu.Unlock()
	if err := a.Close(context.Background()); err != nil { // which closes what the pool has
		t.Error(err)
	}
}

func TestACallerThatGivesUpProvesNothingOfThePeer(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and answers none
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	opened, err := openAdapter(t.Context(), "grpc://")
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close(context.Background())
	ctx, giveUp := context.WithCancel(t.Context())
	giveUp()
	c := newCall(busSend, nil, 0)
	c.caller = ctx
	outcome, err := opened.(*adapter).try(ctx, &target{address: mute.Addr().String()}, c, &transport.Envelope{})
	if outcome != homes.GaveUp || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v; want GaveUp, its own end", outcome, err)
	}
}
