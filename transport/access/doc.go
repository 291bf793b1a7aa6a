// Package access decides who may do what, in one way for every style and every wire.
//
//	credentials, certificate ─▶ Authenticator ─▶ Identity ─┐
//	                             verb, decoded destination ─┴▶ Authorizer ─▶ handler, which asks Peer(ctx)
//
// A [Policy] is given to a Conn by transport.WithAccess. What it says of peers holds
// for all that reaches the Conn's handlers; what it says of this process, its
// [Credentials], for all that the Conn calls.
//
// An adapter with a face of its own, as HTTP, asks its [Gate] once for each request and stream
// and tells the core by Envelope.Peer whom it let in. What reaches the core without that,
// as what a broker delivers, the core asks about itself, as the wish of a stranger: so no adapter can forget it.
// What a process sends to itself is admitted: its own code is trusted.
package access
