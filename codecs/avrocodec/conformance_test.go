package avrocodec_test

import (
	"testing"

	"github.com/polywire/polywire/conformance/codectest"
	"github.com/polywire/polywire/internal/codecharness"
)

func TestConformance(t *testing.T) {
	h, err := codecharness.Of("avro")
	if err != nil {
		t.Fatal(err)
	}
	codectest.Run(t, h)
}
