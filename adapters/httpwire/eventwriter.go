package httpwire

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/polywire/polywire/transport"
)

const (
	// batchSize is how many bytes of events are written together at most, unless one is larger.
	batchSize = 32 << 10
	// maxRoom is how much memory of events is kept for the next that writes some.
	maxRoom = 512 << 10
)

// Server-sent events that are neither message nor answer have a name, so that onmessage hears those two alone.
const (
	endEvent    = "end"
	cancelEvent = "cancel"
)

// An eventWriter writes events as lines, or as server-sent events. What is put is
// written by flush, or when it is much; one that is idle holds no memory for it.
type eventWriter struct {
	v    *visit
	sse  bool
	room *eventRoom // nil while nothing is put
}

// An eventRoom is where events are put together.
type eventRoom struct {
	buf    []byte
	frames *frames // where messages often have much in common; else nil
}

// message puts a message of a stream that is to be settled.
func (w *eventWriter) message(n uint64, e *transport.Envelope) error {
	r := w.begin("", e.ID)
	r.key("n")
	r.buf = strconv.AppendUint(r.buf, n, 10)
	r.destination(e)
	if e.ReplyAddress != "" {
		r.flag("reply")
	}
	if e.Gather {
		r.flag("gather")
	}
	r.fields(e)
	r.body(e.Body)
	return w.end()
}

func (r *eventRoom) post(e *transport.Envelope) {
	r.destination(e)
	r.fields(e)
	r.body(e.Body)
}

func (r *eventRoom) destination(e *transport.Envelope) {
	r.key("destination")
	r.buf = appendText(r.buf, e.Destination)
}

// reply puts an answer to a gather.
func (w *eventWriter) reply(e *transport.Envelope) error {
	r := w.begin("", e.ID)
	r.fields(e)
	if e.Err == nil {
		r.body(e.Body)
		return w.end()
	}
	return w.problem(r, e.Err)
}

func (w *eventWriter) problem(r *eventRoom, e *transport.Error) error {
	p, err := json.Marshal(problemOf(e))
	if err != nil {
		return err
	}
	r.key("error")
	r.buf = append(r.buf, p...)
	return w.end()
}

// failed puts the error that a stream ends with, and writes it.
func (w *eventWriter) failed(e *transport.Error) error {
	if err := w.problem(w.begin(endEvent, ""), e); err != nil {
		return err
	}
	return w.flush()
}

// cancel puts the word that nobody waits for the answer to message n.
func (w *eventWriter) cancel(n uint64) error {
	r := w.begin(cancelEvent, "")
	r.key("cancel")
	r.buf = strconv.AppendUint(r.buf, n, 10)
	return w.end()
}

// last puts the end of a gather, and why it came.
func (w *eventWriter) last(why string) error {
	r := w.begin(endEvent, "")
	r.key("end")
	r.buf = appendText(r.buf, why)
	return w.end()
}

// hello is the first sign of life. It tells a browser when to come back after a loss, not all in one moment.
func (w *eventWriter) hello() error {
	if !w.sse {
		return w.ping()
	}
	return w.sign(fmt.Sprintf("retry: %d\n\n", 1000+rand.N(2000))) //nolint:gosec // spreads load, keeps no secret
}

func (w *eventWriter) ping() error { return w.sign(signOfLife(w.sse)) }

// signOfLife is what keeps a silent connection alive.
func signOfLife(sse bool) string {
	if sse {
		return ":\n\n"
	}
	return "\n"
}

func (w *eventWriter) sign(s string) error {
	w.v.writeSoon()
	if _, err := io.WriteString(w.v.w, s); err != nil {
		return err
	}
	return w.v.flush()
}

// begin opens an event. The id is what EventSource tells with it, and sends when it comes back.
func (w *eventWriter) begin(name, id string) *eventRoom {
	if w.room == nil {
		w.room = w.v.n.rooms.Get().(*eventRoom) //nolint:forcetypeassert // the pool makes nothing else
	}
	r := w.room
	if w.sse {
		if name != "" {
			r.name(name)
		}
		r.data(id)
	}
	r.buf = append(r.buf, '{')
	return r
}

const (
	idLine   = "id: "
	dataLine = "data: "
)

func (r *eventRoom) name(name string) {
	r.buf = append(append(append(r.buf, "event: "...), name...), '\n')
}

// data begins the line of data. JSON has no line break of its own: one line holds any body.
func (r *eventRoom) data(id string) {
	if citable(id) {
		r.buf = append(append(append(r.buf, idLine...), id...), '\n')
	}
	r.buf = append(r.buf, dataLine...)
}

// event writes a message that nobody settles as a server-sent event.
func (r *eventRoom) event(e *transport.Envelope) {
	if f := r.frames.find(e); f != nil {
		r.buf = f.event(r.buf, e, &r.frames.clock)
		return
	}
	r.data(e.ID)
	r.buf = append(r.buf, '{')
	r.post(e)
	r.buf = append(r.buf, "}\n\n"...)
}

// failure writes the error that a stream ends with.
func (r *eventRoom) failure(sse bool, e *transport.Error) error {
	p, err := json.Marshal(problemOf(e))
	if err != nil {
		return err
	}
	if sse {
		r.name(endEvent)
		r.data("")
	}
	r.buf = append(append(append(r.buf, `{"error":`...), p...), "}\n"...)
	if sse {
		r.buf = append(r.buf, '\n')
	}
	return nil
}

func (w *eventWriter) end() error {
	r := w.room
	r.buf = append(r.buf, '}', '\n')
	if w.sse {
		r.buf = append(r.buf, '\n')
	}
	if len(r.buf) < batchSize {
		return nil
	}
	return w.write()
}

func (w *eventWriter) write() error {
	w.v.writeSoon()
	_, err := w.v.w.Write(w.room.buf)
	w.room.buf = w.room.buf[:0]
	return err
}

// newRoom is one for a pen.
func (n *node) newRoom() *eventRoom {
	r := n.rooms.Get().(*eventRoom) //nolint:forcetypeassert // the pool makes nothing else
	r.clear()
	return r
}

// freeRoom keeps r, which may be nil, for the next that writes.
func (n *node) freeRoom(r *eventRoom) {
	if r != nil && cap(r.buf) <= maxRoom {
		r.buf = r.buf[:0]
		n.rooms.Put(r)
	}
}

// clear leaves the room that a pen needs.
func (r *eventRoom) clear() {
	var none [chunkRoom]byte
	r.buf = append(r.buf[:0], none[:]...)
}

func (r *eventRoom) empty() bool { return len(r.buf) == chunkRoom }

// flush writes what is put, and gives back the memory that held it.
func (w *eventWriter) flush() error {
	if w.room == nil {
		return nil
	}
	err := w.write()
	w.discard()
	if err != nil {
		return err
	}
	return w.v.flush()
}

// discard forgets what is put and not written.
func (w *eventWriter) discard() {
	w.v.n.freeRoom(w.room)
	w.room = nil
}

// writeSoon begins the time in which the peer has to take what is written next.
func (v *visit) writeSoon() { _ = v.rc.SetWriteDeadline(time.Now().Add(v.n.a.limits.write)) }

// flush sends what was written. Over HTTP/2 it ends the time that the peer has for it, since a
// stream whose time is up is reset there though nothing waits to be written.
func (v *visit) flush() error {
	err := v.rc.Flush()
	if err == nil && v.r.ProtoMajor > 1 {
		_ = v.rc.SetWriteDeadline(time.Time{})
	}
	return err
}
