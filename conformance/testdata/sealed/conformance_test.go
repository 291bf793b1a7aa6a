package sealed_test

import (
	"testing"

	"example.com/sealed"
	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/conformance/codectest"
)

func TestConformance(t *testing.T) {
	codectest.Run(t, codectest.Harness{
		Name: "sealed",
		New:  func(l codecs.Limits) codecs.Codec { return sealed.New(l) },
		Documents: []codectest.Document{
			{Rule: "a document of another implementation", Data: []byte("\x5d\x9c\x1c\x85[1,2]"), Want: []int{1, 2}},
			{Rule: "a seal of zeros", Data: []byte("\x00\x00\x00\x00[1,2]"), Into: []int{}, Error: "check sum"},
			{Rule: "JSON alone", Data: []byte("[1,2]"), Into: []int{}, Error: "check sum"},
		},
		Bombs: []codectest.Bomb{
			{Name: "much that is not sealed", Into: []int{}, Data: func() []byte { return make([]byte, 1<<20) }},
		},
	})
}
