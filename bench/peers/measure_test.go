package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// A fake rig notes what is done with it.
type fake struct {
	name   string
	log    *[]string
	fail   error // of run
	closed bool
	kept   [][]byte
}

func (f *fake) prove(context.Context) error { *f.log = append(*f.log, "prove "+f.name); return nil }
func (f *fake) close() error                { f.closed = true; return nil }
func (f *fake) run(_ context.Context, n int) error {
	*f.log = append(*f.log, f.name)
	for range n {
		f.kept = append(f.kept[:0], make([]byte, 1024))
	}
	for end := time.Now().Add(time.Duration(n) * 50 * time.Microsecond); time.Now().Before(end); {
	}
	return f.fail
}

func fakes(names ...string) (*line, []*fake, *[]string) {
	l, log, rigs := &line{name: "Fake", each: 1}, new([]string), []*fake(nil)
	for _, name := range names {
		f := &fake{name: name, log: log}
		rigs = append(rigs, f)
		l.entries = append(l.entries, entry{name: name, open: func(context.Context) (rig, error) { return f, nil }})
	}
	return l, rigs, log
}

func TestEveryRoundMeasuresAllEntriesInRotatedOrder(t *testing.T) {
	l, rigs, log := fakes("a", "b", "c")
	samples, err := measureLine(t.Context(), l, settings{Rounds: 4, Time: time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	rounds := (*log)[len(*log)-12:]
	if want := strings.Fields("a b c b c a c a b a b c"); !slices.Equal(rounds, want) {
		t.Errorf("order: got %v, want %v", rounds, want)
	}
	if before := (*log)[:len(*log)-12]; before[0] != "prove a" || !slices.Contains(before, "prove c") {
		t.Errorf("before the rounds: got %v, want each proved before it ran", before)
	}
	for i, r := range rigs {
		if len(samples[i]) != 4 || !r.closed {
			t.Errorf("%s: got %d samples, closed %v, want 4 and closed", r.name, len(samples[i]), r.closed)
		}
	}
}

func TestAFailureNamesItsEntryAndAllAreClosed(t *testing.T) {
	l, rigs, _ := fakes("a", "b")
	rigs[1].fail = errors.New("broken")
	_, err := measureLine(t.Context(), l, settings{Rounds: 1, Time: time.Microsecond})
	if err == nil || err.Error() != "b of Fake: broken" {
		t.Errorf("got %v, want b of Fake: broken", err)
	}
	if !rigs[0].closed || !rigs[1].closed {
		t.Errorf("closed: got %v and %v, want both", rigs[0].closed, rigs[1].closed)
	}
}

func TestASampleIsWhatOneOperationCosts(t *testing.T) {
	_, rigs, _ := fakes("a")
	s, err := take(t.Context(), rigs[0], 400)
	if err != nil {
		t.Fatal(err)
	}
	if s.N != 400 || s.Allocs < 1 || s.Allocs > 2 || s.Bytes < 1024 || s.Bytes > 2048 {
		t.Errorf("got %+v, want 400 operations, 1 allocation and 1,024 bytes in each", s)
	}
	if least := float64(50 * time.Microsecond); s.Wall < least || s.CPU <= 0 {
		t.Errorf("got %v ns of wall and %v ns of CPU, want at least %v and some", s.Wall, s.CPU, least)
	}
}

func TestCalibrationComesNearTheTime(t *testing.T) {
	_, rigs, _ := fakes("a")
	n, err := calibrate(t.Context(), rigs[0], 20*time.Millisecond)
	if err != nil || n < 1 || n > 400 {
		t.Errorf("got %d, %v, want at most 400 operations of at least 50 µs in 20 ms", n, err)
	}
}
