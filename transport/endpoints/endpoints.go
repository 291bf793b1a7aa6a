// Package endpoints finds where the instances of a service are reached, for wires
// without a broker.
//
// The table of services names each service's endpoints: fixed ones, as
// localhost:8081, and targets, which a [Resolver] turns into addresses and is asked
// again about while the Conn lives:
//
//	dns:///orders.svc:8080        every A and AAAA record of the name; see [DNS]
//	srv:///_http._tcp.orders.svc  hosts, ports, priorities and weights; see [SRV]
//	file:///etc/orders.endpoints  one address a line, or JSON; see [File]
//
// Other schemes are an application's: it gives an adapter's Factory a Resolver of
// its own, as httpwire.WithResolver("consul", r).
package endpoints

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// A Resolver finds the endpoints that a target stands for.
//
// It is asked when the target is first needed, then again when Answer.TTL has
// passed, when Answer.Changed is closed, and, at most once a second, when an endpoint
// refused a connection. An error, or an answer without endpoints, leaves the last
// good answer in effect; the error's text reaches callers as long as there is none.
//
// Resolve must honour ctx, which has a deadline, and may be called concurrently,
// for different targets too. It may also implement Check(target *url.URL) error, which
// refuses a target that can never be resolved before anything is opened.
type Resolver interface {
	Resolve(ctx context.Context, target *url.URL) (Answer, error)
}

// An Answer is what a target stands for at a time. Its slices are not changed after it was returned.
type Answer struct {
	Endpoints []Endpoint      // in no order; one that comes twice counts once
	TTL       time.Duration   // when to ask again, give or take a tenth; 0 is 30 s, and at least 1 s is waited
	Changed   <-chan struct{} // if not nil, closed by the resolver when the answer holds no longer
}

// An Endpoint is one instance of a service.
type Endpoint struct {
	Address  string // host:port to connect to
	Name     string // host that its certificate must name, and that it is called by; empty is the host of Address
	Priority int    // those of the lowest number get all messages, as long as one of them can be reached
	Weight   int    // share of the messages among those of one priority; below 1 is 1
}

// Builtin returns a new map of the resolvers that every adapter has, by scheme.
func Builtin() map[string]Resolver {
	return map[string]Resolver{"dns": DNS{}, "srv": SRV{}, "file": File{}}
}

// Check tells what is wrong with an entry of a table of services that stands for
// a target of a [Builtin] scheme. Other entries pass: the adapter knows more of them.
func Check(entry string) error {
	scheme, _, ok := strings.Cut(entry, "://")
	r, known := Builtin()[scheme]
	if !ok || !known {
		return nil
	}
	target, err := url.Parse(entry)
	if err != nil {
		return fmt.Errorf("target %.128q cannot be read: use scheme:///name", entry)
	}
	return r.(interface{ Check(*url.URL) error }).Check(target)
}
