//go:build !race

package protocodec

import (
	"testing"

	"github.com/polywire/polywire/internal/testpb"
)

// The race detector drops pooled values at random, so this counts without it.
func TestAllocations(t *testing.T) {
	c := New()
	order, list, buf := anOrder(), anOrderList(), make([]byte, 0, 64<<10)
	body := mustAppend(t, c, order)
	message := new(testpb.Order)
	if err := c.Decode(body, message); err != nil {
		t.Fatal(err)
	}
	var out flatOrder
	for _, tc := range []struct {
		rule string
		want float64
		f    func() error
	}{
		{"a flat order is encoded without allocation", 0, func() error { _, err := c.Append(buf, order); return err }},
		{"a list of orders is encoded without allocation", 0, func() error { _, err := c.Append(buf, list); return err }},
		{"a generated message is encoded without allocation", 0, func() error { _, err := c.Append(buf, message); return err }},
		{"a flat order of known strings is decoded without allocation", 0, func() error { return c.Decode(body, &out) }},
		{"a generated message is decoded with its strings alone", 4, func() error { return c.Decode(body, message) }},
	} {
		got := testing.AllocsPerRun(200, func() {
			if err := tc.f(); err != nil {
				t.Fatal(err)
			}
		})
		if got > tc.want {
			t.Errorf("%s: %v allocations", tc.rule, got)
		}
	}
	if out != *order {
		t.Errorf("got %+v", out)
	}
}
