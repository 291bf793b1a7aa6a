package fieldtext

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/polywire/polywire/transport"
)

// A Stamp is what a message of ours says of itself, in one field: one costs both ends what each of four would.
//
//	ID "," Source "," nanoseconds since 1970 "," microseconds that are left
//
// ID and Source are escaped, and may be any text. Zero values are elements with
// nothing in them. What a wire adds of its own are more elements behind these.
type Stamp struct {
	ID, Source string
	Time       time.Time     // none, where its nanoseconds fit no number of 64 bits
	Left       time.Duration // rounded up to microseconds, so that some time is never none
}

// Append appends the elements of s to b: least of them, which is 2 to 4, and as many more as it takes for the last that is not empty.
func (s *Stamp) Append(b []byte, least int) []byte {
	b = append(append(b, Escape(s.ID)...), ',')
	b = append(b, Escape(s.Source)...)
	ns := s.Time.UnixNano()
	timed := time.Unix(0, ns).Equal(s.Time)
	if timed || s.Left > 0 || least > 2 {
		b = append(b, ',')
	}
	if timed {
		b = strconv.AppendInt(b, ns, 10)
	}
	if s.Left > 0 || least > 3 {
		b = append(b, ',')
	}
	if s.Left > 0 {
		b = strconv.AppendInt(b, int64((s.Left-1)/time.Microsecond)+1, 10)
	}
	return b
}

// ParseStamp undoes Append. Elements at the end may be missing; rest is what stands behind those of a Stamp.
// It takes any text: what is no time is none, and so is what is no number of microseconds, for which ok is false.
func ParseStamp(value string) (s Stamp, rest string, ok bool) {
	id, rest, _ := strings.Cut(value, ",")
	source, rest, _ := strings.Cut(rest, ",")
	sent, rest, _ := strings.Cut(rest, ",")
	left, rest, _ := strings.Cut(rest, ",")
	s.ID, s.Source = Unescape(id), Unescape(source)
	if sent != "" {
		if ns, err := strconv.ParseInt(sent, 10, 64); err == nil {
			s.Time = time.Unix(0, ns).UTC()
		}
	}
	if left == "" {
		return s, rest, true
	}
	us, err := strconv.ParseUint(left, 10, 64)
	if err != nil {
		return s, rest, false
	}
	s.Left = time.Duration(min(us, math.MaxInt64/uint64(time.Microsecond))) * time.Microsecond
	return s, rest, true
}

// Give gives e what s tells. It leaves in place what s does not tell, or no field takes.
func (s *Stamp) Give(e *transport.Envelope) {
	e.SetField("polywire-id", s.ID)
	e.SetField("polywire-source", s.Source)
	if !s.Time.IsZero() {
		e.Time = s.Time
	}
	if s.Left > 0 {
		e.Timeout = s.Left
	}
}
