package grpcwire

import (
	"context"
	"errors"
	"testing"

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
