package homes

import "sync/atomic"

// What a home's budget of further tries is made of: one fifth of the messages may
// be tried again, and a few more after a quiet time.
const (
	perCall  = 1
	perTry   = 5
	mostKept = 20 * perTry
)

// A budget bounds further tries to a fifth of all messages, so that a home in trouble
// gets no storm of them. The zero value is full. Methods may be called concurrently.
type budget struct {
	spent atomic.Int64 // of mostKept
}

// call counts a message.
func (b *budget) call() {
	for {
		spent := b.spent.Load()
		if spent == 0 || b.spent.CompareAndSwap(spent, max(spent-perCall, 0)) {
			return
		}
	}
}

// take pays for one more try, if there is enough.
func (b *budget) take() bool {
	for {
		spent := b.spent.Load()
		if spent+perTry > mostKept {
			return false
		}
		if b.spent.CompareAndSwap(spent, spent+perTry) {
			return true
		}
	}
}
