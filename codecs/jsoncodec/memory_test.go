package jsoncodec

import "testing"

func TestReleasedDecodersHoldNoInput(t *testing.T) {
	c := New()
	d := c.decoder([]byte(`"abc"`))
	if _, err := d.next(); err != nil {
		t.Fatal(err)
	}
	c.release(d)
	if d.src != nil || d.in.Len() != 0 || len(d.tok.UnreadBuffer()) != 0 || d.tok.InputOffset() != 0 {
		t.Errorf("a released decoder holds %q, %q", d.src, d.tok.UnreadBuffer())
	}
}
