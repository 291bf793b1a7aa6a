package codectest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/all"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/conformance/codectest"
)

// TestWorkloadsStayTheSame holds that figures of different days are of the same values.
func TestWorkloadsStayTheSame(t *testing.T) {
	want := map[string]string{
		"blob":     "8a1ad577bd5bd8e0",
		"document": "1f0b0b017e2dff15",
		"list":     "ee054912c564669a",
		"map":      "e29dc3bc9948a716",
		"order":    "553f7930916eb572",
		"series":   "6e121fb60fbe7ecc",
		"sparse":   "4dc0b319d869e24d",
		"text":     "f66e8b9d8c701e4b",
	}
	got := map[string]string{}
	for _, w := range codectest.Workloads() {
		body, err := jsoncodec.New().Append(nil, w.New())
		if err != nil {
			t.Fatalf("%s: %v", w.Name, err)
		}
		sum := sha256.Sum256(body)
		got[w.Name] = hex.EncodeToString(sum[:8])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the SHA-256 of a workload's JSON is another (-want +got):\n%s", diff)
	}
}

func TestWorkloadsAreFreshAndEqual(t *testing.T) {
	for _, w := range codectest.Workloads() {
		a, b := w.New(), w.New()
		if diff := cmp.Diff(a, b); diff != "" || a == b {
			t.Errorf("%s: two values share a pointer or differ: %s", w.Name, diff)
		}
		zero := w.Zero()
		if reflect.TypeOf(zero) != reflect.TypeOf(a) || !reflect.ValueOf(zero).Elem().IsZero() {
			t.Errorf("%s: Zero is %#v", w.Name, zero)
		}
	}
}

func TestEveryCodecCarriesTheWorkloads(t *testing.T) {
	for _, c := range all.Codecs() {
		for _, w := range codectest.Workloads() {
			t.Run(c.Name()+"/"+w.Name, func(t *testing.T) {
				if checker, ok := c.(codecs.TypeChecker); ok {
					if err := checker.CheckType(reflect.TypeOf(w.New()).Elem()); err != nil {
						t.Fatal(err)
					}
				}
				body, err := c.Append(nil, w.New())
				if err != nil {
					t.Fatal(err)
				}
				got := w.Zero()
				if err := c.Decode(body, got); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(w.New(), got); diff != "" {
					t.Errorf("the value is another afterwards (-want +got):\n%s", diff)
				}
			})
		}
	}
}
