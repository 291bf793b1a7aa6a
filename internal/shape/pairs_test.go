package shape

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPairsAreInTheOrderOfTheirKeys(t *testing.T) {
	var c Cache
	for _, tc := range []struct {
		m    any
		want []string
	}{
		{map[int]int{10: 1, 9: 2, -1: 3}, []string{"-1=3", "9=2", "10=1"}},
		{map[uint64]int{1 << 63: 1, 2: 2}, []string{"2=2", "9223372036854775808=1"}},
		{map[bool]int{true: 1, false: 2}, []string{"false=2", "true=1"}},
		{map[string]int{"b": 1, "": 2, "é": 3, "Z": 4}, []string{"=2", "Z=4", "b=1", "é=3"}},
		{map[netip.Addr]int{netip.MustParseAddr("::2"): 1, netip.MustParseAddr("::1"): 2}, []string{"::1=2", "::2=1"}},
		{map[string]int(nil), nil},
	} {
		s, v, err := c.Source(tc.m)
		if err != nil {
			t.Fatal(err)
		}
		pairs, err := v.Pairs(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range pairs {
			text, err := p.Key.keyText(s.Key)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s=%d", text, p.Value.Int()))
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%T: %s", tc.m, diff)
		}
	}
}

func TestPairsRefuseKeysThatAreNoText(t *testing.T) {
	var c Cache
	for _, m := range []any{map[string]int{"\xff": 1}, map[sameKey]int{1: 1, 2: 2}} {
		s, v, err := c.Source(m)
		if err != nil {
			t.Fatal(err)
		}
		if pairs, err := v.Pairs(s, make([]Pair, 1)); err == nil || len(pairs) != 1 {
			t.Errorf("%T: got %v, %v", m, pairs, err)
		}
	}
}

// A sameKey is a key whose texts collide.
type sameKey int

func (sameKey) MarshalText() ([]byte, error) { return []byte("x"), nil }
func (*sameKey) UnmarshalText([]byte) error  { return nil }

func TestAMapIsFilledInParts(t *testing.T) {
	var c Cache
	got := map[int]string{}
	s, v, err := c.Target(&got)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"a", "b", "c"} {
		w := v.SetMap(s) // another for each part
		key, elem := w.Next()
		if err := key.SetInt(int64(min(i, 1))); err != nil {
			t.Fatal(err)
		}
		elem.SetStr(name)
		if err := w.End(); (err != nil) != (i == 2) {
			t.Errorf("entry %d: got %v", i, err)
		}
	}
	if len(got) != 2 || got[0] != "a" {
		t.Errorf("got %v", got)
	}
}

func TestACachePlansEachTypeOnce(t *testing.T) {
	plans := 0
	c := Cache{Plan: func(s *Shape) (any, error) {
		plans++
		if s.Kind == Bool {
			return nil, errors.New("no plan")
		}
		return s.Kind, nil
	}}
	for range 3 {
		s, err := c.Of(reflect.TypeFor[tagged]())
		if err != nil || s.Plan != Struct {
			t.Errorf("got %v, %v", s, err)
		}
	}
	if _, err := c.Of(reflect.TypeFor[bool]()); err == nil || plans != 2 {
		t.Errorf("got %v after %d plans", err, plans)
	}
}
