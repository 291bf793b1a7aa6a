package kafkawire

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// health tells the Conn when no broker can be reached, and when one can again.
//
// The clients reconnect by themselves and close idle connections too, so a lost
// connection proves nothing: it makes health ask for an answer, and only when
// no broker gives one is the connection reported lost. They do not read a connection on
// which nothing is asked, so health also asks now and then.
type health struct {
	a       *adapter
	suspect chan error // capacity 1: written by the clients' hooks, read by watch, never closed
}

const (
	probeEvery = 2 * time.Second
	probeTime  = 5 * time.Second // a broker that is silent so long counts as lost
)

func (h *health) init(a *adapter) { h.a, h.suspect = a, make(chan error, 1) }

// OnBrokerConnect is the clients' hook for a new connection, and for a failed one.
func (h *health) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		h.suspected(err)
	}
}

// OnBrokerDisconnect is the clients' hook for the end of a connection.
func (h *health) OnBrokerDisconnect(kgo.BrokerMetadata, net.Conn) {
	h.suspected(errors.New("a connection to Kafka was closed"))
}

func (h *health) suspected(err error) {
	select {
	case h.suspect <- err:
	default:
	}
}

// watch runs until the adapter's base ends.
func (h *health) watch() {
	ctx := h.a.base
	regularly := time.NewTicker(probeEvery)
	defer regularly.Stop()
	for {
		select {
		case <-h.suspect: //nolint:errcheck // probe finds out anew what is wrong
		case <-regularly.C:
		case <-ctx.Done():
			return
		}
		err := h.probe(ctx)
		if err == nil || ctx.Err() != nil {
			continue
		}
		h.a.setup.Connected(h.a.failure(ctx, err))
		for fails := 1; err != nil; fails++ {
			if !sleep(ctx, backoff(fails)) {
				return
			}
			err = h.probe(ctx)
		}
		h.a.setup.Connected(nil)
	}
}

func (h *health) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	return h.a.ping(ctx)
}
