package amqpwire

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// names maps destinations to names on the broker. Each kind has a letter of its
// own after the prefix, and a group has no dot, so no two things share a name.
// With a prefix of 20 bytes the longest, a group's, has 251 of the 255 that AMQP allows.
//
//	pw.q.<destination>       durable queue of what is sent
//	pw.r.<destination>       queue of requests, there while a handler is
//	pw.g.<group>.<pattern>   durable queue of a group of subscribers
//	pw.s.<random>            queue of one subscription without a group
//	pw.reply.<random>        where one Conn collects its replies
//	pw.topic                 exchange of what is published, by destination
type names struct{ prefix string }

func (n names) sends(destination string) string    { return n.prefix + "q." + destination }
func (n names) requests(destination string) string { return n.prefix + "r." + destination }
func (n names) group(group, pattern string) string { return n.prefix + "g." + group + "." + pattern }
func (n names) subscription() string               { return n.prefix + "s." + token() }
func (n names) reply() string                      { return n.prefix + "reply." + token() }
func (n names) topic() string                      { return n.prefix + "topic" }

// replyable reports whether a reply may go to a queue that a requester names. Our
// own queues of sends, requests and subscriptions are none, else a requester could
// make a handler write where it may not write itself, or answer itself in a loop.
func (n names) replyable(address string) bool {
	if address == "" || len(address) > 255 || strings.ContainsFunc(address, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\uFFFD' }) {
		return false
	}
	rest, ours := strings.CutPrefix(address, n.prefix)
	return !ours || strings.HasPrefix(rest, "reply.")
}

// bindingKey is the AMQP topic pattern for a pattern of ours. AMQP's # is zero or
// more words, our > one or more.
func bindingKey(pattern string) string {
	if head, ok := strings.CutSuffix(pattern, ">"); ok {
		return head + "*.#"
	}
	return pattern
}

// token is 128 unguessable bits.
func token() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return hex.EncodeToString(b[:])
}
