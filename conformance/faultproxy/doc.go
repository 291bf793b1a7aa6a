// Package faultproxy is a TCP proxy that breaks connections on purpose, byte for byte.
//
// It stands between a client and a server and does what networks do: it cuts a
// connection at a given byte, by an end or a reset, delays, slices, slows and
// changes what passes, swallows it, and stands still. What it does to which
// connection a Script says, so a run repeats; what is left to chance comes from a seed.
//
//	client ──▶ Proxy ──▶ upstream     Up: what the client says
//	client ◀── Proxy ◀── upstream     Down: what it is told
//
// A Script holds for one connection from its first byte. Faults of the whole
// proxy hit whichever connection is there: Trap arms one for the n-th byte from
// now, Cut ends all, Refuse takes no more, Pause and Resume hold everything up.
//
// The conformance suite of transports puts it before servers and brokers; it
// knows no protocol and serves any test.
package faultproxy
