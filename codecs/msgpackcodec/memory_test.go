package msgpackcodec

import (
	"bytes"
	"errors"
	"reflect"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecodedValuesDoNotAliasTheInput(t *testing.T) {
	c := New()
	for _, d := range documents(t) {
		want, err := d.decode(c, d.wire)
		if err != nil {
			t.Fatal(err)
		}
		src := bytes.Clone(d.wire)
		got, err := d.decode(c, src)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(src, d.wire) {
			t.Errorf("%s: Decode changed its input", d.typ)
		}
		for i := range src {
			src[i] = 0xDD
		}
		if diff := cmp.Diff(want, got, exact, cmp.AllowUnexported(embedding{})); diff != "" {
			t.Errorf("%s aliases its input: %s", d.typ, diff)
		}
	}
}

// A keeper is a text whose method keeps what it was given, as it must not.
type keeper struct{ text []byte }

func (k keeper) MarshalText() ([]byte, error)  { return k.text, nil }
func (k *keeper) UnmarshalText(b []byte) error { k.text = b; return nil }

func TestATextNeverSeesTheInput(t *testing.T) {
	src := []byte("\xa3abc")
	var k keeper
	if err := New().Decode(src, &k); err != nil {
		t.Fatal(err)
	}
	k.text[0] = 'X'
	if string(src) != "\xa3abc" {
		t.Errorf("the input is %q", src)
	}
}

func TestAppendKeepsNothing(t *testing.T) {
	c := New()
	v := aNestedOrder()
	first := mustAppend(t, c, v)
	want := bytes.Clone(first)
	for i := range first {
		first[i] = 0xDD
	}
	if again := mustAppend(t, c, v); !bytes.Equal(again, want) {
		t.Errorf("got %q", again)
	}
	v.Blob[0] ^= 1
	if again := mustAppend(t, c, v); bytes.Equal(again, want) {
		t.Error("a changed value has the old encoding")
	}
}

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

// A thrower is a text whose methods panic.
type thrower struct{ _ int }

func (thrower) MarshalText() ([]byte, error)  { panic("mine") }
func (*thrower) UnmarshalText(b []byte) error { panic("mine") }

func TestAPanicOfTheUserIsTheUsers(t *testing.T) {
	c := New()
	for rule, f := range map[string]func(){
		"encode": func() { _, _ = c.Append(nil, thrower{}) },
		"decode": func() { _ = c.Decode([]byte("\xa1a"), new(thrower)) },
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
	if got, err := c.Append(nil, "ok"); err != nil || string(got) != "\xa2ok" {
		t.Errorf("afterwards: got %q, %v", got, err)
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

func TestOneCodecServesManyGoroutines(t *testing.T) {
	c := New()
	docs := documents(t)
	var wg sync.WaitGroup
	start := make(chan struct{}) // closed by the test when all goroutines stand ready
	for g := range 64 {
		wg.Go(func() {
			<-start
			for i := range docs {
				d := docs[(i+g)%len(docs)]
				got, err := d.decode(c, d.wire)
				if err != nil {
					t.Errorf("%s: %v", d.typ, err)
					return
				}
				body, err := c.Append(nil, got)
				if err != nil || !bytes.Equal(body, d.wire) {
					t.Errorf("%s: got %q, %v; want %q", d.typ, body, err, d.wire)
				}
			}
		})
	}
	close(start)
	wg.Wait()
}

func TestCheckTypeAndUseAgree(t *testing.T) {
	c := New()
	for _, typ := range []reflect.Type{reflect.TypeFor[func()](), reflect.TypeFor[[]any](), reflect.TypeFor[map[float32]int]()} {
		value := reflect.New(typ)
		_, appendErr := c.Append(nil, value.Interface())
		decodeErr := c.Decode([]byte("\xc0"), value.Interface())
		if c.CheckType(typ) == nil || appendErr == nil || decodeErr == nil {
			t.Errorf("%s: check %v, encode %v, decode %v", typ, c.CheckType(typ), appendErr, decodeErr)
		}
	}
}
