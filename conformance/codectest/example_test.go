package codectest_test

import (
	"context"
	"fmt"
	"regexp"
	"testing"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/conformance/codectest"
)

func newJSON(l codecs.Limits) codecs.Codec { return jsoncodec.New(jsoncodec.WithLimits(l)) }

// The test of a codec: a name, and how to make one with limits.
func ExampleRun() {
	// func TestConformance(t *testing.T)
	_ = func(t *testing.T) {
		codectest.Run(t, codectest.Harness{
			Name:       "mine",
			New:        newJSON,             // yours
			Deviations: map[string]string{}, // by name or id of the case, why the codec departs from the profile
			Known:      map[string]string{}, // by id of the case, why it fails as yet
		})
	}
}

// From a program, a run returns a report.
func ExampleExecute() {
	report := codectest.Execute(context.Background(), codectest.Harness{Name: "json", New: newJSON}, codectest.Options{
		Run:      regexp.MustCompile(`^C00[14]$`),
		OnResult: func(r codectest.Result) { fmt.Println(r.Status, r.ID, r.Rule) },
	})
	fmt.Println(report.OK())
	// Output:
	// pass C001 true and false come back
	// pass C004 integers around 2^53 are exact
	// true
}

// The corpus has a value of each kind for tests and fuzzers of any format.
func ExampleCorpus() {
	c := newJSON(codecs.Limits{})
	for _, s := range codectest.Corpus() {
		if s.Case == "C019" {
			body, err := c.Append(nil, s.Value)
			fmt.Printf("%s: %s %v\n", s.Name, body, err)
		}
	}
	// Output:
	// embedded: {"x":1,"y":2,"name":"n","own":true,"kept":{"x":3,"y":4}} <nil>
}

// Equality is that of the profile.
func ExampleDiff() {
	type order struct {
		Lines []string
		Price float64
	}
	fmt.Printf("%q\n", codectest.Diff(order{}, order{Lines: []string{}}))
	fmt.Printf("%q\n", codectest.Diff(order{Price: 1}, order{Price: 2}))
	// Output:
	// ""
	// "Price: want 1, got 2"
}
