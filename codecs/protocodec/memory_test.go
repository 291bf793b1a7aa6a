package protocodec

import (
	"bytes"
	"reflect"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecodedValuesDoNotAliasTheInput(t *testing.T) {
	c := New()
	for _, d := range documents(t) {
		want, err := d.decode(c, d.body)
		if err != nil {
			t.Fatal(err)
		}
		src := bytes.Clone(d.body)
		got, err := d.decode(c, src)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(src, d.body) {
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
	src := []byte("\x0a\x03abc")
	var k keeper
	if err := New().Decode(src, &k); err != nil {
		t.Fatal(err)
	}
	k.text[0] = 'X'
	if string(src) != "\x0a\x03abc" {
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
		t.Errorf("got %x", again)
	}
	v.Blob[0] ^= 1
	if again := mustAppend(t, c, v); bytes.Equal(again, want) {
		t.Error("a changed value has the old encoding")
	}
}

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
				got, err := d.decode(c, d.body)
				if err != nil {
					t.Errorf("%s: %v", d.typ, err)
					return
				}
				body, err := c.Append(nil, got)
				if err != nil || !bytes.Equal(body, d.body) {
					t.Errorf("%s: got %x, %v; want %x", d.typ, body, err, d.body)
				}
			}
		})
	}
	close(start)
	wg.Wait()
}

func TestCheckTypeAndUseAgree(t *testing.T) {
	type noNumber struct{ A int }
	c := New()
	for _, typ := range []reflect.Type{
		reflect.TypeFor[func()](), reflect.TypeFor[[]any](), reflect.TypeFor[map[float32]int](), reflect.TypeFor[noNumber](), reflect.TypeFor[[]noNumber](),
	} {
		value := reflect.New(typ)
		_, appendErr := c.Append(nil, value.Interface())
		decodeErr := c.Decode(nil, value.Interface())
		if c.CheckType(typ) == nil || appendErr == nil || decodeErr == nil {
			t.Errorf("%s: check %v, encode %v, decode %v", typ, c.CheckType(typ), appendErr, decodeErr)
		}
	}
}
