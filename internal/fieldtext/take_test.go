package fieldtext

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/polywire/polywire/transport"
)

func TestAListHoldsFieldsOfTheApplicationAlone(t *testing.T) {
	got := Listed([]Field{{"first", "1"}}, []string{"Tenant=a%2Cb, empty=", "polywire-id=x,TraceParent=y,tracestate=z"})
	want := []Field{{"first", "1"}, {"tenant", "a,b"}, {"empty", ""}}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAHeaderAboveTheLimitsIsRefused(t *testing.T) {
	many := make([]Field, MaxFields+1)
	for i := range many {
		many[i] = Field{"k" + strconv.Itoa(i), "v"}
	}
	half := strings.Repeat("x", MaxFieldBytes/2-1)
	for name, c := range map[string]struct {
		fields []Field
		want   error
	}{
		"as many as may be": {slices.Clone(many[1:]), nil},
		"one more":          {many, transport.CodeResourceExhausted},
		"as long as may be": {[]Field{{"a", half}, {"b", half}}, nil},
		"a byte more":       {[]Field{{"a", half}, {"b", half}, {"c", ""}}, transport.CodeResourceExhausted},
	} {
		if err := Give(new(transport.Envelope), c.fields, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestFieldsThatAreNotValidAreLeftOut(t *testing.T) {
	e := new(transport.Envelope)
	err := Give(e, []Field{{"bad key", "1"}, {"b", Unescape("%FF")}, {"c", "3"}, {"a", "2"}}, []string{"a"})
	var got []string
	for key, value := range e.Header.All() {
		got = append(got, key+"="+value)
	}
	if want := []string{"a=2", "c=3"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
