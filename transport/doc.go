// Package transport gives services one way to talk, whatever carries their messages.
//
// A [Conn] speaks five styles over one adapter, opened by URL from a [Registry]:
//
//	one-way notification      Send          Handle      exactly one handler
//	request/response          Request       Handle      exactly one handler, which answers
//	request/async response    RequestAsync  Handle      likewise; the caller awaits a Future, the handler may Defer
//	publish/subscribe         Publish       Subscribe   every subscription, one member of each group
//	publish/async responses   Gather        Subscribe   every subscription, whose answers are collected
//
// What must mean the same on every adapter is written once, here: validation,
// limits, deadlines, codes, correlation, settlement, retries, dead letters,
// order by key, concurrency, drain. What an adapter cannot do its [Features] say, and
// a verb that needs it fails at once with [CodeUnimplemented]; docs/semantics.md
// is the whole contract.
//
//	values   transport/contract                      bytes ⇄ typed values
//	bytes    Conn ── middleware ── core ── Adapter   this package
//	wire     adapters/inproc httpwire amqpwire …     each implements Adapter
//
// An implementer starts at [Adapter]; docs/writing-an-adapter.md walks through
// one, and conformance/transporttest proves it.
package transport
