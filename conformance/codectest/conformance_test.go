package codectest_test

import (
	"testing"

	"github.com/polywire/polywire/conformance/codectest"
	"github.com/polywire/polywire/internal/codecharness"
)

func TestEveryCodecConforms(t *testing.T) {
	for _, h := range codecharness.All() {
		t.Run(h.Name, func(t *testing.T) { codectest.Run(t, h) })
	}
}
