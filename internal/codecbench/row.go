package codecbench

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/polywire/polywire/internal/nearest"
)

// A Row names one measurement by what it can be compared along.
type Row struct {
	Codec string `json:"codec"`
	Shape string `json:"shape"` // of codectest.Workloads
	Tier  string `json:"tier"`  // Tuned or Naive
	Rows  string `json:"rows"`  // Plain or Generated
	Op    string `json:"op"`    // Encode or Decode
}

// What rows are told apart by.
const (
	Tuned     = "tuned"
	Naive     = "naive"
	Plain     = "plain"
	Generated = "generated"
	Encode    = "encode"
	Decode    = "decode"
)

// Name is the row's name as Go's benchmarks have it, for benchstat: codec=json/shape=order/….
func (r Row) Name() string {
	var b strings.Builder
	for i, key := range Keys() {
		if i > 0 {
			b.WriteByte('/')
		}
		b.WriteString(key + "=" + r.Get(key))
	}
	return b.String()
}

// Keys are what rows are told apart by, in the order of names.
func Keys() []string { return []string{"codec", "shape", "tier", "rows", "op"} }

// Get returns the value of one of Keys.
func (r Row) Get(key string) string {
	switch key {
	case "codec":
		return r.Codec
	case "shape":
		return r.Shape
	case "tier":
		return r.Tier
	case "rows":
		return r.Rows
	}
	return r.Op
}

// A Selection says which rows are wanted: of each of Keys the values listed, and all
// where it lists none.
type Selection map[string][]string

// Takes reports whether the row is wanted.
func (s Selection) Takes(r Row) bool {
	for key, values := range s {
		if len(values) > 0 && !slices.Contains(values, r.Get(key)) {
			return false
		}
	}
	return true
}

// ErrSelection is wrapped by what a Selection or a Threshold names that there is not.
var ErrSelection = errors.New("no such rows")

// check returns an error for a value that no row has.
func (s Selection) check(known map[string][]string) error {
	for _, key := range Keys() {
		for _, value := range s[key] {
			if slices.Contains(known[key], value) {
				continue
			}
			err := fmt.Errorf("unknown %s %q (known: %s)", key, value, strings.Join(known[key], ", "))
			if meant := nearest.Name(value, known[key]); meant != "" {
				err = fmt.Errorf("%w; did you mean %q?", err, meant)
			}
			return fmt.Errorf("%w: %w", ErrSelection, err)
		}
	}
	return nil
}
