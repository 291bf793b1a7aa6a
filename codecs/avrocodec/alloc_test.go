//go:build !race

package avrocodec

import (
	"testing"

	"github.com/polywire/polywire/conformance/codectest"
)

// The race detector drops pooled values at random, so this counts without it.
func TestAllocations(t *testing.T) {
	c := New()
	order, document := codectest.Workloads()[0], codectest.Workloads()[1].New()
	v, out, buf := order.New(), order.Zero(), make([]byte, 0, 4096)
	body, err := c.Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	for rule, f := range map[string]func() error{
		"a flat order is encoded without allocation":                     func() error { _, err := c.Append(buf, v); return err },
		"a document with a map of strings is encoded without allocation": func() error { _, err := c.Append(buf, document); return err },
		"a flat order of known strings is decoded without allocation":    func() error { return c.Decode(body, out) },
	} {
		got := testing.AllocsPerRun(200, func() {
			if err := f(); err != nil {
				t.Fatal(err)
			}
		})
		if got > 0 {
			t.Errorf("%s: %v allocations", rule, got)
		}
	}
}
