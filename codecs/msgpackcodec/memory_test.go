package msgpackcodec

import (
	"errors"
	"testing"
)

func TestReleasedDecodersAndEncodersHoldNothing(t *testing.T) {
	c := New()
	d := c.decoder([]byte("\xa3abc"))
	d.keys, d.text = make([]int, 3, 1<<20), make([]byte, 1<<20)
	c.put(d)
	if d.src != nil || d.keys != nil || d.text != nil {
		t.Errorf("a released decoder holds %q, %d keys and %d bytes of text", d.src, len(d.keys), len(d.text))
	}
	e := c.encoder([]byte("abc"))
	e.text = make([]byte, 1<<20)
	c.release(e)
	if e.buf != nil || e.text != nil {
		t.Errorf("a released encoder holds %q and %d bytes of text", e.buf, len(e.text))
	}
}

// Without the scanner the engine reads what is not there; then that is an error.
func TestAPanicOfTheEngineIsAnError(t *testing.T) {
	c := New()
	var v struct{ S string }
	s, target, err := c.shapes.Target(&v)
	if err != nil {
		t.Fatal(err)
	}
	d := c.decoder([]byte("\x81\xa1S\xdb\xff\xff\xff\xff"))
	if err := d.document(s, target); !errors.Is(err, errEngine) {
		t.Errorf("got %v, want %v", err, errEngine)
	}
}
