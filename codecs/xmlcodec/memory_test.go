package xmlcodec

import (
	"testing"
)

// A keeper is a text whose method keeps what it was given, as it must not.
type keeper struct{ text []byte }

func (k keeper) MarshalText() ([]byte, error)  { return k.text, nil }
func (k *keeper) UnmarshalText(b []byte) error { k.text = b; return nil }

func TestATextNeverSeesTheInput(t *testing.T) {
	src := []byte("<v>abc</v>")
	var k keeper
	if err := New().Decode(src, &k); err != nil {
		t.Fatal(err)
	}
	k.text[0] = 'X'
	if string(src) != "<v>abc</v>" {
		t.Errorf("the input is %q", src)
	}
}

func TestAReleasedDecoderHoldsNothing(t *testing.T) {
	c := New()
	d := c.decoder([]byte("<v xmlns:a='b' c='d'><u><u></u></u></v>"))
	var p point
	s, target, err := c.shapes.Target(&p)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.document(s.Plan.(*plan), target); err != nil {
		t.Fatal(err)
	}
	d.text, d.key = make([]byte, 1<<20), make([]byte, 1<<20)
	c.release(d)
	if d.src != nil || d.space != nil || d.text != nil || d.key != nil {
		t.Errorf("a released decoder holds %q, %q and %d and %d bytes of text", d.src, d.space, len(d.text), len(d.key))
	}
	for _, a := range d.attrs[:cap(d.attrs)] {
		if a.name != nil || a.value != nil {
			t.Errorf("a released decoder holds the attribute %q", a.name)
		}
	}
	for _, b := range d.scopes[:cap(d.scopes)] {
		if b.prefix != nil || b.space != nil {
			t.Errorf("a released decoder holds the declaration %q", b.space)
		}
	}
	for _, o := range d.opened[:cap(d.opened)] {
		if o.name != nil {
			t.Errorf("a released decoder holds the element %q", o.name)
		}
	}
}

// A thrower is a text whose methods panic.
type thrower struct{ _ int }

func (thrower) MarshalText() ([]byte, error)  { panic("mine") }
func (*thrower) UnmarshalText(b []byte) error { panic("mine") }

func TestAPanicOfTheUserIsTheUsers(t *testing.T) {
	c := New()
	for rule, f := range map[string]func(){
		"encode": func() { _, _ = c.Append(nil, thrower{}) },
		"decode": func() { _ = c.Decode([]byte("<v>a</v>"), new(thrower)) },
	} {
		func() {
			defer func() {
				if got := recover(); got != "mine" {
					t.Errorf("%s: got %v, want the panic of the method", rule, got)
				}
			}()
			f()
		}()
	}
	if got, err := c.Append(nil, "ok"); err != nil || string(got) != "<value>ok</value>" {
		t.Errorf("afterwards: got %q, %v", got, err)
	}
}
