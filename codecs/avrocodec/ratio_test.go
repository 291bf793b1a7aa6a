package avrocodec

import (
	"os"
	"testing"
	"time"

	"github.com/polywire/polywire/conformance/codectest"
)

// TestSpeedBesideTheEngine prints how long the codec takes beside the engine at its
// best: both in turns, the fastest of many rounds each, since other load only adds.
// It asserts nothing: set POLYWIRE_AVRO_SPEED=1 on a machine that has nothing else
// to do, and read.
func TestSpeedBesideTheEngine(t *testing.T) {
	if os.Getenv("POLYWIRE_AVRO_SPEED") == "" {
		t.Skip("set POLYWIRE_AVRO_SPEED=1 to measure")
	}
	for _, w := range codectest.Workloads() {
		c, v := New(), w.New()
		body, err := c.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		e, err := newEngine(c, v)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.encode(v); err != nil {
			t.Logf("%-9s the engine does not carry it: %v", w.Name, err)
			continue
		}
		theirs := append([]byte(nil), e.writer.Buffer()...)
		buf := make([]byte, 0, 2*len(body))
		ours, base := inTurns(
			func() { _, err = c.Append(buf, v) },
			func() { err = e.encode(v) })
		t.Logf("%-9s encode %8v, engine %8v: %.2f", w.Name, ours, base, float64(ours)/float64(base))
		ours, base = inTurns(
			func() { err = c.Decode(body, w.Zero()) },
			func() { err = e.decode(theirs, w.Zero()) })
		t.Logf("%-9s decode %8v, engine %8v: %.2f", w.Name, ours, base, float64(ours)/float64(base))
		if err != nil {
			t.Fatal(err)
		}
	}
}

// inTurns returns the shortest time of one call of each.
func inTurns(f, g func()) (forF, forG time.Duration) {
	f()
	began := time.Now()
	f()
	calls := int(max(1, 200*time.Microsecond/max(1, time.Since(began))))
	shortest := [2]time.Duration{time.Hour, time.Hour}
	for round := range 2000 {
		call := [2]func(){f, g}[round%2]
		began := time.Now()
		for range calls {
			call()
		}
		shortest[round%2] = min(shortest[round%2], time.Since(began)/time.Duration(calls))
	}
	return shortest[0], shortest[1]
}
