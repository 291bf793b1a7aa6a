package codecs_test

import (
	"mime"
	"strconv"
	"strings"
	"testing"

	"github.com/polywire/polywire/codecs"
)

// FuzzAccept compares what Accept picks with the rule of RFC 9110, told plainly:
// each codec has the weight of its most specific range, and the heaviest wins.
func FuzzAccept(f *testing.F) {
	for _, seed := range []string{
		"", "*/*", "text/xml;q=0, text/xml;q=0.5", "text/xml;q=0.1, text/*;q=0.9", "application/json;q=0, application/*", "*/*;q=0, text/xml",
		"TEXT/XML", "text/xml;level=1;q=.5", "application/json;q=x, ;;, text/xml", "application/json;q=NaN", "application/json; charset=\"a,b\"; q=0, */*",
		strings.Repeat("a/b,", 40) + "text/xml", "*/xml", "text/xml/*", "application/json;q=1e-400",
	} {
		f.Add(seed)
	}
	all := []codecs.Codec{json, avro, xml}
	r, err := codecs.NewRegistry(all...)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, list string) {
		got, ok := r.Accept(list)
		if ok != (got != nil) {
			t.Fatalf("%q: got %v, %v", list, got, ok)
		}
		best := 0.0
		for _, c := range all {
			best = max(best, plainWeight(list, c.ContentType()))
		}
		if !ok && best > 0 {
			t.Fatalf("%q: got none, want one of weight %v", list, best)
		}
		if ok && (best == 0 || plainWeight(list, got.ContentType()) != best) {
			t.Fatalf("%q: got %s of weight %v, want one of %v", list, got.Name(), plainWeight(list, got.ContentType()), best)
		}
		again, _ := r.Accept(strings.Split(list, ",")...)
		if again != got {
			t.Fatalf("%q: got %v in one element and %v in many", list, got, again)
		}
	})
}

// plainWeight looks for the type itself, then for its half, then for all.
func plainWeight(list, media string) float64 {
	major, _, _ := strings.Cut(media, "/")
	for _, wanted := range []string{media, major + "/*", "*/*"} {
		read := 0
		for _, item := range strings.Split(list, ",") {
			name, params, err := mime.ParseMediaType(item)
			weight := 1.0
			if q, has := params["q"]; has && err == nil {
				weight, err = strconv.ParseFloat(q, 64)
			}
			if err != nil || !strings.Contains(name, "/") || !(weight >= 0 && weight <= 1) {
				continue
			}
			if read++; read > 32 {
				break
			}
			if name == wanted {
				return weight
			}
		}
	}
	return 0
}
