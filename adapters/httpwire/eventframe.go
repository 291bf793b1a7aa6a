package httpwire

import (
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport"
)

// A frame is how events say what messages of one publisher have in common, which is all but the id,
// the time, the time left and the body: its texts are copied, where else they are escaped, sorted and looked up.
//
//	id: ID
//	data: {"destination":"…","headers":{"Polywire-Id":["ID"],"Polywire-Source":…,"Polywire-Time":["TIME"],"Polywire-Timeout":["LEFT us"],…},"body":"BODY"}
//	──────────── opening ─────────────────────────────────  ─── sender ─────────────────────────                        ─ application ──
type frame struct {
	destination, source, kind string
	keys, values              []string // of the application's fields

	opening, sender, application []byte
}

const (
	framedTimeout = `"],"Polywire-Timeout":["`
	framedBody    = `},"body":"`
)

// frames remember the last frame. A publisher whose fields differ each time gets a new one for one message in eight.
type frames struct {
	last   atomic.Pointer[frame]
	missed atomic.Uint32
	clock  clock
}

const missesForOne = 8

// find returns the frame of e, or nil where it has none, or has more than a frame tells.
func (f *frames) find(e *transport.Envelope) *frame {
	if f == nil || e.ReplyTo != "" || e.CorrelationID != "" || e.Accept != "" || e.Key != "" || e.Idempotent || e.Responder != "" || e.Params != nil {
		return nil
	}
	if e.Timeout <= 0 || e.Time.IsZero() || !tame(e.ID) {
		return nil
	}
	if parent, state := e.Trace(); parent != "" || state != "" {
		return nil
	}
	had := f.last.Load()
	switch {
	case had != nil && had.fits(e):
		return had
	case f.missed.Add(1)%missesForOne != 0:
		return nil
	}
	made := frameOf(e)
	f.last.Store(made)
	return made
}

func (f *frame) fits(e *transport.Envelope) bool {
	if f.destination != e.Destination || f.source != e.Source || f.kind != e.ContentType || len(f.keys) != e.Header.Len() {
		return false
	}
	i := 0
	for key, value := range e.Header.All() {
		if f.keys[i] != key || f.values[i] != value {
			return false
		}
		i++
	}
	return true
}

// frameOf makes the frame of e.
func frameOf(e *transport.Envelope) *frame {
	f := &frame{destination: e.Destination, source: e.Source, kind: e.ContentType}
	for key, value := range e.Header.All() {
		f.keys, f.values = append(f.keys, key), append(f.values, value)
	}
	r := eventRoom{buf: []byte("\n" + dataLine + "{")}
	r.destination(e)
	f.opening = append(r.buf, `,"headers":{"Polywire-Id":["`...)

	r = eventRoom{buf: []byte(`"]`)}
	r.escaped("Polywire-Source", e.Source)
	r.kind(e.ContentType)
	r.member("Polywire-Time")
	f.sender = r.buf

	r = eventRoom{buf: []byte(`us"]`)}
	r.application(e.Header, false, false)
	f.application = r.buf
	return f
}

// event writes e, whose frame this is, as a server-sent event.
func (f *frame) event(b []byte, e *transport.Envelope, c *clock) []byte {
	b = append(append(append(b, idLine...), e.ID...), f.opening...)
	b = append(append(b, e.ID...), f.sender...)
	b = append(c.append(b, e.Time), framedTimeout...)
	b = append(appendMicros(b, e.Timeout), f.application...)
	if len(e.Body) > 0 && literal(e.Body) {
		b = append(append(append(b, framedBody...), e.Body...), '"')
	} else {
		r := eventRoom{buf: append(b, '}')}
		r.body(e.Body)
		b = r.buf
	}
	return append(b, "}\n\n"...)
}

// A clock writes times as RFC 3339 has them. It remembers all but the seconds of the last one.
type clock struct{ last atomic.Pointer[minute] }

// A minute is how the times of one begin.
type minute struct {
	start int64 // in seconds since 1970
	text  []byte
}

func (c *clock) append(b []byte, t time.Time) []byte {
	since := t.Unix()
	second := since % 60
	if second < 0 {
		second += 60 // before 1970
	}
	m := c.last.Load()
	if m == nil || m.start != since-second {
		m = &minute{since - second, t.UTC().AppendFormat(nil, "2006-01-02T15:04:")}
		c.last.Store(m)
	}
	b = append(b, m.text...)
	b = append(b, byte('0'+second/10), byte('0'+second%10))
	if nanos := uint32(t.Nanosecond()); nanos > 0 { //nolint:gosec // less than a second
		b = appendNanos(b, nanos)
	}
	return append(b, 'Z')
}

// hundred are the numbers of two digits.
const hundred = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"

// appendNanos writes a part of a second without the zeros at its end.
func appendNanos(b []byte, nanos uint32) []byte {
	digits := [10]byte{'.', byte('0' + nanos/1e8)}
	rest := nanos % 1e8
	for i := 8; i > 0; i -= 2 {
		two := rest % 100 * 2
		rest /= 100
		digits[i], digits[i+1] = hundred[two], hundred[two+1]
	}
	end := len(digits)
	for digits[end-1] == '0' {
		end--
	}
	return append(b, digits[:end]...)
}
