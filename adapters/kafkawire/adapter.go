// Package kafkawire carries polywire over Apache Kafka.
//
//	Send x     ─▶ topic x       ─▶ group polywire.queue.x     ─▶ one handler of x
//	Publish x  ─▶ topic pub.x   ─▶ group polywire.pub.g.x     ─▶ one member of group g
//	                            ─▶ no group, from the end on  ─▶ every other subscription
//	Request x  ─▶ topic x, with the address of a partition of polywire--reply
//	           ◀─ that partition, read by the Conns that chose it; a token tells whose a reply is
//
// One client writes for the whole Conn; each binding has a client of its own,
// so that a slow one holds up no other, and a rebalance touches one destination.
// Topics are created by the adapter, never by the broker. docs/wire/kafka.md
// specifies names, headers and commits for peers in other languages.
package kafkawire

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"sync"

	"github.com/polywire/polywire/internal/tlsfiles"
	"github.com/polywire/polywire/transport"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Limits that hold whatever a broker answers.
const (
	maxBody       = 8 << 20            // of one message
	maxBatch      = maxBody + 256<<10  // of one record batch, headers included
	maxFetch      = 2 * maxBatch       // of one fetch
	maxRead       = 2*maxFetch + 1<<20 // of any response
	maxInflate    = 64 << 20           // of one batch, decompressed
	maxBuffered   = 32768              // records that wait for the broker: twice what the core lets wait
	maxBufferSize = 160 << 20          // their bytes, likewise
)

// Factory opens Kafka by URLs of the schemes kafka and, with TLS, kafkas:
//
//	kafka://host1:9092,host2:9092?prefix=acme-&partitions=8&replication=3&linger=5ms&session=10s
//	kafkas://user:password@host?sasl=plain|scram-sha-256|scram-sha-512&ca=FILE&cert=FILE&key=FILE
func Factory() transport.Factory { return factoryBy(new(net.Dialer).DialContext) }

// A dial connects to a broker, at an address that the options or another broker told.
type dial func(ctx context.Context, network, address string) (net.Conn, error)

func factoryBy(dial dial) transport.Factory {
	return transport.Factory{
		Name:    "kafka",
		Schemes: []string{"kafka", "kafkas"},
		Features: func(u *url.URL) (transport.Features, error) {
			_, err := parseOptions(u)
			return features(), err
		},
		Open: func(ctx context.Context, s transport.Setup) (transport.Adapter, error) { return open(ctx, s, dial) },
	}
}

func features() transport.Features {
	return transport.Features{
		Adapter: "kafka",
		Send:    true, Request: true, Publish: true, Gather: true,
		Groups: true, Wildcards: true, OrderedByKey: true,
		Acceptance: transport.Stored,
		Redelivers: true, Durable: true, DetachedReply: true,
		TLS: true, Authentication: true,
		MaxBody: maxBody,
	}
}

// An adapter is one Conn's connection to a cluster.
//
// Lock order: adapter.mu and binding.mu are never held together, and neither
// while a client is called.
type adapter struct {
	opts   *options
	names  names
	setup  transport.Setup
	dial   dial
	trust  *tlsfiles.Trust // nil without TLS
	client *kgo.Client     // writes, and answers admin's questions
	admin  *kadm.Client
	topics topics
	health health
	base   context.Context // ends every client and goroutine
	cancel context.CancelFunc
	work   sync.WaitGroup // goroutines of the adapter and its bindings; Close waits

	mu       sync.Mutex // guards the fields below
	bindings map[*binding]struct{}
	closed   bool
}

func open(ctx context.Context, s transport.Setup, by dial) (transport.Adapter, error) {
	opts, err := parseOptions(s.URL)
	if err != nil {
		return nil, err
	}
	a := &adapter{opts: opts, names: names{opts.prefix}, setup: s, dial: by, bindings: make(map[*binding]struct{})}
	if opts.tls {
		if a.trust, err = opts.files.Client(); err != nil {
			return nil, err
		}
	}
	a.base, a.cancel = context.WithCancel(context.Background())
	a.topics.init(a)
	a.health.init(a)
	if a.client, err = a.newClient(a.producerOptions()...); err == nil {
		a.admin = kadm.NewClient(a.client)
		err = a.ping(ctx)
	}
	if err != nil {
		err = a.failure(ctx, err)
		a.cancel()
		if a.client != nil {
			a.client.Close()
		}
		a.work.Wait()
		return nil, err
	}
	a.spawn(a.health.watch)
	return a, nil
}

func (a *adapter) Features() transport.Features { return features() }

// Ping asks a broker who is in the cluster.
func (a *adapter) Ping(ctx context.Context) error {
	if !a.enter() {
		return transport.ErrClosed
	}
	defer a.work.Done()
	return a.failure(ctx, a.ping(ctx))
}

func (a *adapter) ping(ctx context.Context) error {
	return a.await(ctx, func() error { return a.client.Ping(ctx) })
}

// await returns what f does, or the error of ctx when that ends first: what the client asks while it opens
// a connection (kgo's brokerCxn.init) waits for an answer ten seconds, whatever ctx says. f then ends later, at
// the latest with the client. Its caller counts as work, or no Close can come yet.
func (a *adapter) await(ctx context.Context, f func() error) error {
	done := make(chan error, 1) // written once by f's goroutine, read here
	a.work.Go(func() { done <- f() })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// newClient makes a client with what all of them have in common.
func (a *adapter) newClient(more ...kgo.Opt) (*kgo.Client, error) {
	all := []kgo.Opt{
		kgo.SeedBrokers(a.opts.seeds...), kgo.ClientID("polywire"), kgo.WithContext(a.base), kgo.WithHooks(&a.health),
		kgo.DisableClientMetrics(), kgo.RetryBackoffFn(backoff), kgo.MaxVersions(versions()),
		kgo.MetadataMinAge(metadataMinAge), kgo.Dialer(a.connect),
		kgo.BrokerMaxReadBytes(maxRead), kgo.MaxDecompressBatchBytes(maxInflate),
		kgo.FetchMaxBytes(maxFetch), kgo.FetchMaxPartitionBytes(1 << 20),
		kgo.FetchMaxWait(fetchWait),
	}
	if m := a.opts.mechanism(); m != nil {
		all = append(all, kgo.SASL(m))
	}
	return kgo.NewClient(append(all, more...)...)
}

// connect dials a broker.
func (a *adapter) connect(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	socket, err := a.dial(ctx, network, address)
	if err != nil || a.trust == nil {
		return socket, err
	}
	host, _, err := net.SplitHostPort(address)
	if err == nil {
		secure := tls.Client(socket, a.trust.Config(host))
		if err = secure.HandshakeContext(ctx); err == nil {
			return secure, nil
		}
	}
	_ = socket.Close()
	return nil, err
}

// enter counts work that Close waits for, unless Close was called; a.work.Done ends it.
func (a *adapter) enter() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	a.work.Add(1)
	return true
}

// spawn runs f on a goroutine that Close waits for, and reports whether it does: not once Close was called.
func (a *adapter) spawn(f func()) bool {
	if !a.enter() {
		return false
	}
	go func() { // Close waits for it
		defer a.work.Done()
		f()
	}()
	return true
}

// register takes a new binding, unless Close was called.
func (a *adapter) register(b *binding) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return transport.ErrClosed
	}
	a.bindings[b] = struct{}{}
	return nil
}

func (a *adapter) forget(b *binding) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.bindings, b)
}

// Close ends the bindings side by side: each commits what was accepted and
// leaves its group, so that others get the rest at once. When ctx ends first the
// connections are cut, and the group notices after the session's time.
func (a *adapter) Close(ctx context.Context) error {
	a.mu.Lock()
	a.closed = true
	var all []*binding
	for b := range a.bindings {
		all = append(all, b)
	}
	a.mu.Unlock()
	for _, b := range all {
		b.cease(true) // at once: what a handler that Close cancelled answers settles nothing
	}
	done := make(chan struct{})
	go func() { // ends once the clients did, at the latest after cancel below
		defer close(done)
		var ending sync.WaitGroup
		for _, b := range all {
			ending.Go(b.close)
		}
		ending.Wait()
		a.client.Close()
		a.cancel()
		a.work.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	a.cancel()
	<-done
	return nil
}

// logPartition tells of a partition that cannot be read, once for each error; the others go on.
func (a *adapter) logPartition(topic string, partition int32, err error) {
	a.setup.Logger.Error("partition unreadable", slog.String("adapter", "kafka"),
		slog.String("topic", topic), slog.Int("partition", int(partition)), slog.String("error", clip(err.Error(), 256)))
}

var errNoReply = errors.New("nobody waits for a reply to this message")
