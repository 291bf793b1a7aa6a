package transport

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A Message is what services exchange: a body of bytes, where it goes, and what
// is said about it. The zero value of every field but Destination is good to send.
//
// Outbound, a verb reads the Message and keeps nothing of it once it returned,
// also when ctx ended first; it never writes into it. Inbound, a Message and all
// that it refers to is valid until the handler returns: Clone keeps it. The
// deliveries of one Publish share one Body, which handlers must not write to.
type Message struct {
	ID            string        // unique; made by the Conn when empty, kept from sender to handler
	Source        string        // "service/instance" of the sender, set by the Conn; not an identity
	Destination   string        // see CheckDestination
	ReplyTo       string        // a destination that the sender handles, for answers that outlive it; see Send
	CorrelationID string        // the application's own; replies carry it back
	ContentType   string        // media type of Body, as "application/json"
	Accept        string        // media types wanted for the reply, as in HTTP; empty is that of the request
	Key           string        // messages of one key and sender keep their order where Features.OrderedByKey; at most 256 bytes
	Params        url.Values    // named parts, path and query on REST; at most 64, 8 KiB
	Time          time.Time     // when it was sent, by the sender's clock; set by the Conn when zero
	Timeout       time.Duration // inbound, the time that remained on arrival; outbound, when positive, a bound beside ctx's, and where Features.Durable the life of what is sent or published
	Attempt       int           // inbound, 1 for the first delivery; outbound ignored
	Header        Header        // the application's fields
	Body          []byte        // nil and empty are the same; at most 4 MiB, or Features.MaxBody if less

	traceParent, traceState string
	in                      *inbound // the delivery behind an inbound message
}

// Clone returns a copy that shares nothing with m and stays valid after the handler.
func (m *Message) Clone() *Message {
	c := *m
	c.in = nil
	c.Header = m.Header.Clone()
	c.Body = slices.Clone(m.Body)
	if m.Params != nil {
		c.Params = make(url.Values, len(m.Params))
		for k, v := range m.Params {
			c.Params[k] = slices.Clone(v)
		}
	}
	return &c
}

// Trace returns the W3C trace context that travels with m: traceparent and tracestate.
func (m *Message) Trace() (parent, state string) { return m.traceParent, m.traceState }

// SetTrace sets the W3C trace context; both must be text of header values.
// Middleware calls it; nothing is propagated without one.
func (m *Message) SetTrace(parent, state string) { m.traceParent, m.traceState = parent, state }

// ReplyWanted reports whether somebody waits for what the handler of m returns.
// The replies to a plain Send or Publish are dropped.
func (m *Message) ReplyWanted() bool {
	return m.in != nil && (m.in.env.ReplyAddress != "" || m.ReplyTo != "")
}

// Defer lets the handler of m return before it has the answer: the handler's
// result is ignored, its slot is freed, and the answer is given by
// [Deferred.Reply] from any goroutine. It fails when m is not being handled.
func (m *Message) Defer() (*Deferred, error) {
	if m.in == nil {
		return nil, CodeFailedPrecondition.Errorf("defer: only a message that a handler holds can be deferred")
	}
	return m.in.deferReply()
}

// String shows where m goes and its sizes; never header values or the body.
func (m *Message) String() string {
	return fmt.Sprintf("message{%s id=%s %s %d bytes %v}", quoteName(m.Destination), printable(clip(m.ID, 64)),
		printable(clip(m.ContentType, 64)), len(m.Body), m.Header)
}

// Format prints String for every verb.
func (m Message) Format(s fmt.State, verb rune) { formatText(s, verb, (&m).String()) }

// LogValue gives slog what String shows.
func (m *Message) LogValue() slog.Value { return slog.StringValue(m.String()) }

// A Handler serves the messages of a destination, in all styles. What it
// returns is the reply where one is wanted; a returned error wins over a reply.
//
// Without a reply wanted, the error settles the message: nil accepts it, a code
// that cannot succeed later dead-letters it, any other makes it come again
// (semantics §5). The ctx ends with the message's time, with Close, and where
// Features.CancelsRemotely with the caller's patience; it carries none of the sender's values.
type Handler func(ctx context.Context, msg *Message) (reply *Message, err error)

// Limits of the message fields that are no header.
const (
	maxID          = 128
	maxKey         = 256
	maxContentType = 256
	maxTraceState  = 512
	maxParams      = 64
	maxParamBytes  = 8 << 10
)

// check applies the one rule for messages, before any adapter sees them (semantics §2.1).
func (m *Message) check(maxBody int) error {
	if err := CheckDestination(m.Destination); err != nil {
		return err
	}
	if err := m.checkReplyTo(); err != nil {
		return err
	}
	return m.checkPayload(maxBody)
}

func (m *Message) checkReplyTo() error {
	if m.ReplyTo == "" {
		return nil
	}
	if err := CheckDestination(m.ReplyTo); err != nil {
		return invalid("reply-to: %w", err)
	}
	return nil
}

// checkPayload checks what requests and replies have in common.
func (m *Message) checkPayload(maxBody int) error {
	if err := m.checkOthers(maxBody); err != nil {
		return err
	}
	return m.checkAlike()
}

// checkOthers checks what most messages lack, or have another of each time.
func (m *Message) checkOthers(maxBody int) error {
	if err := m.checkTexts(); err != nil {
		return err
	}
	if err := checkBody(m.Body, maxBody); err != nil {
		return err
	}
	return checkParams(m.Params)
}

// checkAlike checks what is mostly the same in all that one sender sends to a destination.
func (m *Message) checkAlike() error {
	if !fits(m.ContentType, maxContentType) {
		return unfit("content type", m.ContentType, maxContentType)
	}
	if strings.HasPrefix(m.Destination, deadPrefix) {
		return m.Header.withoutDeath().check()
	}
	return m.Header.check()
}

// withoutDeath leaves out what made it a dead letter, which comes on top of the application's fields.
func (h Header) withoutDeath() Header {
	for _, key := range [deadLetterFields]string{"dead-reason", "dead-attempts", "dead-destination", "dead-group"} {
		h.Del(key)
	}
	return h
}

func checkBody(body []byte, most int) error {
	if len(body) > most {
		return CodeResourceExhausted.Errorf("body of %d bytes: at most %d", len(body), most)
	}
	return nil
}

func (m *Message) checkTexts() error {
	switch {
	case !fits(m.ID, maxID):
		return unfit("id", m.ID, maxID)
	case !fits(m.CorrelationID, maxID):
		return unfit("correlation id", m.CorrelationID, maxID)
	case !fits(m.Key, maxKey):
		return unfit("key", m.Key, maxKey)
	case !fits(m.Accept, maxContentType):
		return unfit("accept", m.Accept, maxContentType)
	case !fits(m.traceParent, maxContentType):
		return unfit("traceparent", m.traceParent, maxContentType)
	case !fits(m.traceState, maxTraceState):
		return unfit("tracestate", m.traceState, maxTraceState)
	}
	return nil
}

func fits(value string, most int) bool { return value == "" || len(value) <= most && validText(value) }

func unfit(name, value string, most int) error {
	return invalid("%s %q: use up to %d bytes of UTF-8 without control characters", name, clip(value, 64), most)
}

func checkParams(params url.Values) error {
	if len(params) == 0 {
		return nil // ranging over an empty map costs as much as all other checks
	}
	size, count := 0, 0
	for name, values := range params {
		if name == "" || strings.ContainsAny(name, "= ") || !validText(name) {
			return invalid("param name %q: use text without spaces and =", clip(name, 64))
		}
		for _, v := range values {
			if !validText(v) {
				return invalid("param %q: must be UTF-8 without control characters", clip(name, 64))
			}
			size += len(name) + len(v)
			count++
		}
	}
	if count > maxParams || size > maxParamBytes {
		return CodeResourceExhausted.Errorf("%d params of %d bytes: at most %d and %d", count, size, maxParams, maxParamBytes)
	}
	return nil
}
