package kafkawire

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func (w *window) give(offsets ...int64) []int64 {
	var delivered []int64
	for _, o := range offsets {
		if w.arrive(o, 0) != nil {
			delivered = append(delivered, o)
		}
	}
	return delivered
}

func (w *window) at(offset int64) *entry {
	for _, e := range append(w.entries, w.former...) {
		if e.offset == offset {
			return e
		}
	}
	return nil
}

func TestOnlyTheContiguousPrefixIsCommitted(t *testing.T) {
	w := newWindow("t", 0)
	w.resume(10, "")
	w.give(10, 11, 12, 15) // offsets have gaps: compaction, transactions
	for _, step := range []struct{ accept, next int64 }{{12, 10}, {11, 10}, {10, 13}, {15, 16}} {
		w.accept(w.at(step.accept))
		if w.next != step.next {
			t.Errorf("after %d was accepted a commit says %d, want %d", step.accept, w.next, step.next)
		}
	}
}

func TestTheNextOwnerSkipsWhatIsDone(t *testing.T) {
	w := newWindow("t", 0)
	w.resume(10, "")
	w.give(10, 11, 12, 13, 14)
	w.accept(w.at(11))
	w.accept(w.at(12))
	w.at(13).state = entryReleased
	m := w.mark()
	if want := "pw1;1-2;0:1,4:1"; m.text != want || m.next != 10 {
		t.Errorf("commit of %d with %q, want 10 with %q", m.next, m.text, want)
	}
	other := newWindow("t", 0)
	other.resume(m.next, m.text)
	if diff := cmp.Diff([]int64{10, 13, 14}, other.give(10, 11, 12, 13, 14)); diff != "" {
		t.Errorf("delivered (-want +got):\n%s", diff)
	}
	if got := []int{other.at(10).tries, other.at(13).tries, other.at(14).tries}; !cmp.Equal(got, []int{2, 1, 2}) {
		t.Errorf("attempts of 10, 13 and 14 are %v, want 2, 1 (it was given back), 2", got)
	}
}

func TestALostPartitionThatComesBackRepeatsNothing(t *testing.T) {
	w := newWindow("t", 0)
	w.resume(10, "")
	w.give(10, 11, 12, 13, 14)
	w.accept(w.at(10)) // not committed
	w.accept(w.at(12))
	w.at(13).state = entryReleased
	w.lose()
	w.accept(w.at(11)) // its handler ends meanwhile
	if w.next != 11 {
		t.Errorf("a commit says %d for a partition that is lost, want 11", w.next)
	}
	w.resume(10, "")
	if diff := cmp.Diff([]int64{13, 15}, w.give(10, 11, 12, 13, 14, 15)); diff != "" {
		t.Errorf("delivered (-want +got):\n%s", diff)
	}
	if w.next != 13 || w.version <= w.saved {
		t.Errorf("a commit says %d (%d > %d), want 13", w.next, w.version, w.saved)
	}
	w.accept(w.at(14))
	if m := w.mark(); m.text != "pw1;1;0:2,2:1" {
		t.Errorf("the commit's text is %q", m.text)
	}
}

func TestAWindowNeverClaimsWhatIsOpen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWindow("t", 0)
		start := rapid.Int64Range(0, 1<<40).Draw(t, "start")
		w.resume(start, "")
		accepted := map[int64]bool{}
		var open []*entry
		next := start
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			if len(open) > 0 && rapid.Bool().Draw(t, "accept") {
				i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
				w.accept(open[i])
				accepted[open[i].offset] = true
				open = append(open[:i], open[i+1:]...)
				continue
			}
			next += rapid.Int64Range(1, 3).Draw(t, "gap")
			open = append(open, w.arrive(next, 0))
		}
		m := w.mark()
		if len(m.text) > 4096 {
			t.Fatalf("the text has %d bytes", len(m.text))
		}
		done, _ := parseProgress(m.next, m.text)
		claims := func(o int64) bool {
			for _, s := range done {
				if s.from <= o && o <= s.to {
					return true
				}
			}
			return o < m.next
		}
		for _, e := range open {
			if claims(e.offset) {
				t.Fatalf("offset %d is open, and the commit %d %q claims it", e.offset, m.next, m.text)
			}
		}
		for o := range accepted {
			if o < m.cut && !claims(o) {
				t.Fatalf("offset %d is accepted and before the cut %d, and the commit %d %q does not tell", o, m.cut, m.next, m.text)
			}
		}
	})
}

func FuzzProgress(f *testing.F) {
	for _, s := range []string{"", "pw1;1-2;0:1", "pw1;2-1;", "pw1;;", "pw1;1,1;1:99999999", "member-1"} {
		f.Add(int64(7), s)
	}
	f.Fuzz(func(t *testing.T, base int64, text string) {
		done, tried := parseProgress(base, text)
		last := base - 1
		for _, s := range done {
			if s.from <= last || s.to < s.from || base < 0 {
				t.Fatal(fmt.Sprint("spans out of order: ", done))
			}
			last = s.to
		}
		for o, n := range tried {
			if o < base || n < 1 {
				t.Errorf("offset %d before %d, or %d tries", o, base, n)
			}
		}
	})
}
