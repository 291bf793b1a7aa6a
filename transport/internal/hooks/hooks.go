// Package hooks names what middleware of this module finds in the ctx that it is
// given, for what happens after it has returned and for what a Message does not tell. Strangers' middleware has no such need yet,
// so none of it is exported.
//
// What the keys lead to is found by assertion, as all abilities of the core are. Both have
//
//	MaxBody() int               the limit of the Conn, in bytes
//	Adapter() string            as in Features
//	Server() string             host and port of the Conn's URL; empty where it has none
//	CodeOf(error) Code          what the other side, or the caller of the verb, will see of an error
//
// a Call
//
//	OnAnswer(func(*transport.Message) (*transport.Message, error))
//	OnResult(interface{ Answered(from string, err error); Ended(reason string) })
//	PassesOn(step any)
//
// and a Handling
//
//	OnDeferred(interface{ Deferred(msg, reply *transport.Message) (*transport.Message, error) })
//	OnLater(interface{ AnsweredLater(err error) })
//	IsDeferred() bool
//	Style() string              "send", "request", "publish" or "gather", as the sender called it
//	Binding() (pattern, group string)
package hooks

// Call is the key, in the ctx of an outbound step, of the call that the step is a
// part of. Its OnAnswer changes each answer to a Gather, in the order of registration;
// it is called before the step calls next, and its function from any goroutine. OnResult tells of each answer to a Gather
// that counts, and then once of its end, which may come before next has returned. PassesOn is a
// step's word that it takes no time, changes nothing and keeps neither ctx nor message; step is a pointer of its own. Of
// a call whose steps all say so nothing is checked or made twice.
type Call struct{}

// Handling is the key, in the ctx of a handler, of the message that it is handling. Its
// OnDeferred changes a reply that is given later, the last registered first; it is called before the
// next handler, and Deferred at most once, from the goroutine that answers, with the message as it came.
// OnLater tells of the answer of a handler that deferred it, once, also when it is an error or is given away as a
// token; that may be before the handler has returned, after which IsDeferred tells whether there is to be such an answer.
type Handling struct{}
