package kafkawire

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"

	"github.com/polywire/polywire/transport"
)

// Kafka allows [A-Za-z0-9._-]{1,249} in a topic's name and refuses two names
// that differ only in . and _, because its metrics cannot tell them apart. So no
// name made here has a _, and every destination gives another name:
//
//	destination          name, behind the prefix
//	trip.pickup          trip.pickup            a queue is named as it is
//	trip.pickup          pub.trip.pickup        a topic has pub. in front
//	pub.trip             q--q.pub.trip          a queue that looks like a topic
//	order-service.new    order-service.new
//	order_service.new    order--uservice.new    _ is --u
//	a--b                 a--d-b                 a - before - or _ is --d
//	very long            head--h<32 hex>        cut to 249 bytes; 128 bits of SHA-256 of the destination
//
// A plain - is never followed by another, so -- opens an escape and nothing else.
const (
	maxTopic     = 249
	topicPrefix  = "pub."
	queueEscape  = "q--q."
	hashEscape   = "--h"
	hashHex      = 32
	replyTopic   = "polywire--reply"
	groupOfQueue = "polywire.queue."
	groupOfTopic = "polywire.pub."
	hashPattern  = hashEscape + "[0-9a-f]{32}"
)

// names maps destinations to the topics and groups of one prefix and back.
type names struct{ prefix string }

func (n names) reply() string { return n.prefix + replyTopic }

// topic names the Kafka topic of a destination. Whether it is hashed tells that
// the name alone does not give the destination back.
func (n names) topic(kind transport.Kind, destination string) (name string, hashed bool) {
	space := ""
	switch {
	case kind == transport.KindTopic:
		space = topicPrefix
	case destination == "pub" || strings.HasPrefix(destination, topicPrefix):
		space = queueEscape
	}
	name = n.prefix + space + escape(destination)
	if len(name) <= maxTopic {
		return name, false
	}
	sum := sha256.Sum256([]byte(space + destination))
	return name[:maxTopic-len(hashEscape)-hashHex] + hashEscape + hex.EncodeToString(sum[:hashHex/2]), true
}

// destination is the inverse of topic: ok is false for names that topic never gives, and for hashed ones.
func (n names) destination(name string) (kind transport.Kind, destination string, ok bool) {
	rest, mine := strings.CutPrefix(name, n.prefix)
	if !mine || n.hashed(name) {
		return 0, "", false
	}
	kind = transport.KindQueue
	if after, is := strings.CutPrefix(rest, topicPrefix); is {
		kind, rest = transport.KindTopic, after
	} else if after, is := strings.CutPrefix(rest, queueEscape); is {
		rest = after
	}
	destination, ok = unescape(rest)
	if !ok {
		return 0, "", false
	}
	if again, _ := n.topic(kind, destination); again != name {
		return 0, "", false // a second spelling of the same destination
	}
	return kind, destination, true
}

// hashed reports whether name is one that was too long to keep whole.
func (n names) hashed(name string) bool {
	at := len(name) - len(hashEscape) - hashHex
	return len(name) == maxTopic && strings.HasPrefix(name, n.prefix) && name[at:at+len(hashEscape)] == hashEscape
}

// group names the consumer group of all handlers of a queue, or of a group of subscribers to one pattern.
func (n names) group(b *transport.Binding) string {
	if b.Kind == transport.KindQueue {
		return n.prefix + groupOfQueue + b.Pattern
	}
	return n.prefix + groupOfTopic + b.Group + "." + b.Pattern
}

// regex matches the names of the topics that a pattern with wildcards stands
// for, and all hashed ones: their destination is in their messages, which the core filters.
func (n names) regex(pattern string) string {
	var b strings.Builder
	space := "^" + regexp.QuoteMeta(n.prefix+topicPrefix)
	b.WriteString(space)
	for i, token := range strings.Split(pattern, ".") {
		if i > 0 {
			b.WriteString(`\.`)
		}
		switch token {
		case "*":
			b.WriteString(`[^.]+`)
		case ">":
			b.WriteString(`.+`)
		default:
			b.WriteString(regexp.QuoteMeta(escape(token)))
		}
	}
	return b.String() + "$|" + space + ".*" + hashPattern + "$"
}

func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '_':
			b.WriteString("--u")
		case c == '-' && i+1 < len(s) && (s[i+1] == '-' || s[i+1] == '_'):
			b.WriteString("--d")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unescape reverses escape and checks that the result is a destination.
func unescape(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if !strings.HasPrefix(s[i:], "--") {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		switch s[i+2] {
		case 'u':
			b.WriteByte('_')
		case 'd':
			b.WriteByte('-')
		default:
			return "", false
		}
		i += 2
	}
	return b.String(), transport.CheckDestination(b.String()) == nil
}

// A replyAddress is a partition of the reply topic and a token that nobody can
// guess: "3-" and 32 hexadecimal digits. Replies are written to no other form.
type replyAddress struct {
	partition int32
	token     string
}

func (r replyAddress) String() string { return strconv.Itoa(int(r.partition)) + "-" + r.token }

func parseReplyAddress(s string) (replyAddress, error) {
	partition, token, _ := strings.Cut(s, "-")
	n, err := strconv.ParseUint(partition, 10, 15)
	if err != nil || len(token) != hashHex || strings.Trim(token, "0123456789abcdef") != "" || strconv.Itoa(int(n)) != partition {
		return replyAddress{}, transport.CodeInvalidArgument.Errorf("the reply address is none of Kafka: it is a partition, a dash and %d hexadecimal digits", hashHex)
	}
	return replyAddress{int32(n), token}, nil
}
