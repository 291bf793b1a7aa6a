package transport

import (
	"slices"
	"sync/atomic"
)

// A familiar remembers of one message that passed check what is mostly the same in all that
// a Conn sends, so that it is compared, where else its bytes are looked at one by one.
type familiar struct {
	last   atomic.Pointer[alike]
	missed atomic.Uint32
}

// An alike never changes.
type alike struct {
	destination, contentType string
	fields                   []headerField
}

// missesForOne is how many messages that differ cause one of them to be remembered.
const missesForOne = 16

// check is Message.check.
func (f *familiar) check(m *Message, maxBody int) error {
	if known := f.last.Load(); known == nil || !known.passes(m) {
		if err := m.check(maxBody); err != nil {
			return err
		}
		if f.missed.Add(1)%missesForOne == 1 {
			f.last.Store(&alike{m.Destination, m.ContentType, slices.Clone(m.Header.fields)})
		}
		return nil
	}
	if err := m.checkReplyTo(); err != nil {
		return err
	}
	return m.checkOthers(maxBody)
}

func (a *alike) passes(m *Message) bool {
	return a.destination == m.Destination && a.contentType == m.ContentType && slices.Equal(a.fields, m.Header.fields)
}
