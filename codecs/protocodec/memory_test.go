package protocodec

import "testing"

func TestReleasedDecodersHoldNoInput(t *testing.T) {
	c := New()
	d := c.decoder([]byte{8, 1})
	if _, _, err := d.tag(); err != nil {
		t.Fatal(err)
	}
	c.release(d)
	if d.src != nil {
		t.Errorf("a released decoder holds %x", d.src)
	}
}
