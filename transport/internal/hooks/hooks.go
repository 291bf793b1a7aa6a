// Package hooks names what middleware of this module finds in the ctx that it is
// given, for what happens after it has returned. Strangers' middleware has no such need yet,
// so none of it is exported.
//
// What the keys lead to is found by assertion, as all abilities of the core are:
//
//	OnAnswer(func(*transport.Message) (*transport.Message, error))
//	OnDeferred(interface{ Deferred(msg, reply *transport.Message) (*transport.Message, error) })
//	MaxBody() int
//
// MaxBody is the limit of the Conn, in bytes, and both have it.
package hooks

// Call is the key, in the ctx of an outbound step, of the call that the step is a
// part of. Its OnAnswer changes each answer to a Gather, in the order of registration;
// it is called before the step calls next, and its function from any goroutine.
type Call struct{}

// Handling is the key, in the ctx of a handler, of the message that it is handling. Its
// OnDeferred changes a reply that is given later, the last registered first; it is called before the
// next handler, and Deferred at most once, from the goroutine that answers, with the message as it came.
type Handling struct{}
