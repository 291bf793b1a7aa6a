//go:build !race

package xmlcodec

import "testing"

// The race detector drops pooled values at random, so this counts without it.
func TestAllocations(t *testing.T) {
	c := New()
	order, buf := anOrder(), make([]byte, 0, 4096)
	body := mustAppend(t, c, order)
	var out flatOrder
	for _, tc := range []struct {
		rule string
		want float64
		f    func() error
	}{
		{"a flat order is encoded without allocation", 0, func() error { _, err := c.Append(buf, order); return err }},
		{"a flat order of known strings is decoded without allocation", 0, func() error { return c.Decode(body, &out) }},
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
