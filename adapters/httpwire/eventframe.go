package httpwire

import (
	"sync/atomic"

	"github.com/polywire/polywire/transport"
)

// A frame is how events say what messages of one publisher have in common: it
// is most of what is to be escaped, sorted and looked up.
type frame struct {
	source, kind string
	keys, values []string // of the application's fields
	sender       []byte   // the members of source and kind
	application  []byte   // those of the fields
}

// frames remember the last frame. A publisher whose fields differ each time gets a new one for one message in eight.
type frames struct {
	last   atomic.Pointer[frame]
	missed atomic.Uint32
}

const missesForOne = 8

// find returns the frame of e, or nil where it has none, or has more than a frame tells.
func (f *frames) find(e *transport.Envelope) *frame {
	if f == nil || e.ID == "" || e.ReplyTo != "" || e.CorrelationID != "" || e.Accept != "" || e.Key != "" || e.Idempotent || e.Responder != "" || e.Params != nil {
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
	if f.source != e.Source || f.kind != e.ContentType || len(f.keys) != e.Header.Len() {
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

// frameOf makes the frame of e. Its texts follow a member.
func frameOf(e *transport.Envelope) *frame {
	f := &frame{source: e.Source, kind: e.ContentType}
	for key, value := range e.Header.All() {
		f.keys, f.values = append(f.keys, key), append(f.values, value)
	}
	member := []byte{']'} // the end of one, which what follows is divided from
	r := eventRoom{buf: append([]byte(nil), member...)}
	r.escaped("Polywire-Source", e.Source)
	r.kind(e.ContentType)
	f.sender = r.buf[len(member):]
	r = eventRoom{buf: append([]byte(nil), member...)}
	r.application(e.Header, false, false)
	f.application = r.buf[len(member):]
	return f
}
