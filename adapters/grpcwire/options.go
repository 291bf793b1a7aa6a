package grpcwire

import (
	"net/url"
	"time"

	"github.com/polywire/polywire/internal/nodeurl"
	"github.com/polywire/polywire/transport"
)

// The schemes.
const (
	schemePlain = "grpc"
	schemeTLS   = "grpcs"
)

// options are what a URL says; see Factory.
type options struct {
	nodeurl.Options
	age time.Duration // a connection is asked to be made new after as long; 0 is never
}

func parseOptions(u *url.URL) (o options, err error) {
	wire := nodeurl.Wire{Name: "gRPC", Plain: schemePlain, Secure: schemeTLS, Service: "_grpc._tcp", Known: "age"}
	o.Options, err = nodeurl.Parse(u, wire, o.set)
	return o, err
}

func (o *options) set(name, value string) (known bool, err error) {
	if name != "age" {
		return false, nil
	}
	if o.age, err = time.ParseDuration(value); err != nil || o.age <= 0 {
		return true, invalid("option age=%.32q: use how long a connection serves new calls, as 30m", value)
	}
	return true, nil
}

// limits are the bounds of what a peer can make this process do or wait for.
type limits struct {
	dial      time.Duration // to connect, with the handshakes of TLS and HTTP/2
	idle      time.Duration // a connection without streams is kept as long
	alive     time.Duration // a connection may be silent as long before it is asked for a sign of life
	sign      time.Duration // the same of a peer that this process calls: servers of strangers take a ping every five minutes, and none without a stream
	answer    time.Duration // for that sign to come
	pings     time.Duration // peers may ask no more often
	ping      time.Duration // a stream is silent at most as long
	silence   time.Duration // a subscriber gives up a stream that is silent as long
	write     time.Duration // for a batch of a stream to be taken by the peer
	credit    int           // unsettled deliveries of one stream
	streams   int           // of one connection, served
	calls     int           // of one connection, under way to a peer that allows more
	workers   uint32        // goroutines that serve one call or stream after the other, since each new one makes its stack grow; more are made as needed
	window    int32         // bytes that a peer may send by a stream before they are read; a connection has four times as many
	headers   int           // bytes of a head or a trailer, as HTTP/2 counts them
	around    int           // bytes of a message of the bus beside its body
	batch     int           // bytes of messages of the bus that travel together
	accepting time.Duration // calls that have their answer may end as long once a node closes
}

// A message's header is at most 16 KiB and its params 8 KiB, which escaping may triple.
func defaultLimits() limits {
	return limits{
		dial: 5 * time.Second, idle: 10 * time.Minute, alive: 30 * time.Second, sign: 6 * time.Minute, answer: 20 * time.Second, pings: 5 * time.Second,
		ping: 15 * time.Second, silence: 45 * time.Second, write: 15 * time.Second,
		credit: 4096, streams: 1024, calls: 64 << 10, window: 1 << 20, workers: 16, headers: 128 << 10, around: 128 << 10, batch: 64 << 10, accepting: 20 * time.Millisecond,
	}
}

func invalid(format string, args ...any) *transport.Error {
	return transport.CodeInvalidArgument.Errorf(format, args...)
}
