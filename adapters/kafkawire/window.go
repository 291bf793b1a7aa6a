package kafkawire

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// Kafka keeps one number for each group and partition: everything before it is
// done. Messages finish in another order, so a window keeps what happened behind that number:
//
//	offsets   … 41 | 42   43   44   45   46 |
//	           done| open done done open new
//	                ^ next: what a commit says; it moves on when 42 is accepted, to 45
//
// What is done behind next, and how often the rest was tried, travels in the
// text that a commit may carry. So who gets the partition next, after a
// rebalance or a crash, handles 42 and 45 and not 43 and 44 again.
type window struct {
	topic     string
	partition int32
	owned     bool  // the group has given us the partition
	next      int64 // everything before is accepted; -1 until it is known
	epoch     int32 // leader epoch of the last record before next; -1 when it is not known

	entries []*entry // delivered and accepted at or after next, by offset
	former  []*entry // entries of the time before the partition was lost, until their records come again
	done    []span   // accepted by whoever had the partition before, by offset
	tried   map[int64]int

	version   uint64 // counts what there is to commit
	saved     uint64 // version of the last commit that succeeded
	committed int64  // its next
	cut       int64  // its text tells of all before this offset
	paused    bool
}

type entryState uint8

const (
	entryOpen     entryState = iota // with a handler
	entryAccepted                   // done
	entryReleased                   // given back, and not to be handled by us
)

// An entry is one record that was delivered.
type entry struct {
	offset  int64
	epoch   int32
	state   entryState
	tries   int    // deliveries of it, this one included
	version uint64 // of the window when it was accepted
}

// A span is a run of offsets, both ends included.
type span struct{ from, to int64 }

// Limits of a window: entries before the partition is paused until the oldest
// is settled, and parts of the text of a commit, which Kafka bounds at 4,096 bytes.
const (
	maxWindow   = 1 << 16
	maxSpans    = 128
	maxTried    = 64
	textVersion = "pw1;"
)

func newWindow(topic string, partition int32) *window {
	return &window{topic: topic, partition: partition, next: -1, epoch: -1, committed: -1}
}

// resume starts from what was committed: the offset, or -1, and its text. When
// the partition was ours before, what was done then and not committed in time stays done.
func (w *window) resume(offset int64, text string) {
	w.done, w.tried = parseProgress(offset, text)
	w.committed, w.cut, w.saved = offset, offset, w.version
	if w.next > offset {
		w.version++
		return
	}
	w.next, w.epoch = offset, -1
}

// lose keeps the entries for the case that the partition comes back.
func (w *window) lose() {
	w.owned = false
	w.former = append(w.entries, w.former...)
	w.entries = nil
}

// forget drops everything: the log lost records, so offsets have new meanings.
func (w *window) forget() {
	w.entries, w.former, w.done, w.tried = nil, nil, nil, nil
	w.next, w.epoch = -1, -1
}

// arrive takes the record at offset, and returns its entry when it is to be delivered.
func (w *window) arrive(offset int64, epoch int32) *entry {
	if w.next < 0 {
		w.next = offset
	}
	if offset < w.next || len(w.entries) > 0 && offset <= w.entries[len(w.entries)-1].offset {
		return nil
	}
	for len(w.former) > 0 && w.former[0].offset < offset {
		w.former = w.former[1:]
	}
	if len(w.former) > 0 && w.former[0].offset == offset {
		return w.again(epoch)
	}
	e := &entry{offset: offset, epoch: epoch, tries: w.tried[offset] + 1}
	w.entries = append(w.entries, e)
	if w.wasDone(offset) {
		w.accept(e)
		return nil
	}
	return e
}

// again takes up the first former entry, whose record came once more: a handler
// still has it, or it is done, or it was given back.
func (w *window) again(epoch int32) *entry {
	e := w.former[0]
	w.former = w.former[1:]
	e.epoch = epoch
	w.entries = append(w.entries, e)
	switch e.state {
	case entryAccepted:
		w.accept(e)
		return nil
	case entryReleased:
		e.state = entryOpen
		e.tries++
		return e
	}
	return nil
}

func (w *window) wasDone(offset int64) bool {
	for len(w.done) > 0 && w.done[0].to < offset {
		w.done = w.done[1:]
	}
	return len(w.done) > 0 && w.done[0].from <= offset
}

// idle reports whether no handler has a former entry.
func (w *window) idle() bool {
	return !slices.ContainsFunc(w.former, func(e *entry) bool { return e.state == entryOpen })
}

// accept marks e and moves next over all that is done. A former entry counts
// for commits only once its record has come again.
func (w *window) accept(e *entry) {
	e.state = entryAccepted
	e.version = math.MaxUint64
	if len(w.former) > 0 && e.offset >= w.former[0].offset {
		return
	}
	w.version++
	e.version = w.version
	n := 0
	for n < len(w.entries) && w.entries[n].state == entryAccepted {
		w.next, w.epoch = w.entries[n].offset+1, w.entries[n].epoch
		delete(w.tried, w.entries[n].offset)
		n++
	}
	clear(w.entries[:n])
	w.entries = w.entries[n:]
}

// open counts the entries that a handler has.
func (w *window) open() int {
	n := 0
	for _, e := range w.entries {
		if e.state == entryOpen {
			n++
		}
	}
	return n
}

// covers reports whether the last commit tells that e is accepted.
func (w *window) covers(e *entry) bool {
	return e.offset < w.committed || e.version <= w.saved && e.offset < w.cut
}

// A mark is what one commit says about a window.
type mark struct {
	w       *window
	next    int64
	epoch   int32
	version uint64
	text    string
	cut     int64
}

func (w *window) mark() mark {
	m := mark{w: w, next: w.next, epoch: w.epoch, version: w.version}
	m.text, m.cut = w.progress()
	return m
}

// save records that the commit of m succeeded.
func (m mark) save() { m.w.saved, m.w.committed, m.w.cut = m.version, m.next, m.cut }

// progress writes what lies behind next, as offsets from it: runs of done ones,
// then others with how often they were tried: "pw1;1-2,4;0:1,3:2". cut is the offset up to which it is complete.
func (w *window) progress() (text string, cut int64) {
	var done, tried []string
	cut = int64(1)<<62 - 1
	var run span
	open := false
	flush := func() {
		if open {
			done = append(done, run.text(w.next))
		}
		open = false
	}
	for _, e := range w.entries {
		if len(done) >= maxSpans {
			return joinProgress(done, tried), e.offset
		}
		if e.state == entryAccepted {
			if !open {
				run, open = span{e.offset, e.offset}, true
			}
			run.to = e.offset
			continue
		}
		flush()
		if tries := e.counted(); tries > 0 && len(tried) < maxTried {
			tried = append(tried, strconv.FormatInt(e.offset-w.next, 10)+":"+strconv.Itoa(tries))
		}
	}
	flush()
	return joinProgress(done, tried), cut
}

// counted is how many attempts e has had; one that was given back was none.
func (e *entry) counted() int {
	if e.state == entryReleased {
		return e.tries - 1
	}
	return e.tries
}

func (s span) text(base int64) string {
	from := strconv.FormatInt(s.from-base, 10)
	if s.to == s.from {
		return from
	}
	return from + "-" + strconv.FormatInt(s.to-base, 10)
}

func joinProgress(done, tried []string) string {
	if len(done)+len(tried) == 0 {
		return ""
	}
	return textVersion + strings.Join(done, ",") + ";" + strings.Join(tried, ",")
}

// parseProgress reads what progress wrote; of anything else nothing.
func parseProgress(base int64, text string) (done []span, tried map[int64]int) {
	rest, ours := strings.CutPrefix(text, textVersion)
	left, right, two := strings.Cut(rest, ";")
	if !ours || !two || base < 0 || len(text) > 4096 {
		return nil, nil
	}
	last := base - 1
	for part := range strings.SplitSeq(left, ",") {
		a, b, isRun := strings.Cut(part, "-")
		if !isRun {
			b = a
		}
		s := span{base + parseDelta(a), base + parseDelta(b)}
		if s.from <= last || s.to < s.from {
			break
		}
		done, last = append(done, s), s.to
	}
	tried = make(map[int64]int)
	for part := range strings.SplitSeq(right, ",") {
		a, b, _ := strings.Cut(part, ":")
		if n := parseDelta(b); parseDelta(a) >= 0 && n > 0 && n < 1<<15 {
			tried[base+parseDelta(a)] = int(n)
		}
	}
	return done, tried
}

// parseDelta is -1 << 40 for what is no distance between offsets.
func parseDelta(s string) int64 {
	n, err := strconv.ParseUint(s, 10, 40)
	if err != nil {
		return -1 << 40
	}
	return int64(n)
}
