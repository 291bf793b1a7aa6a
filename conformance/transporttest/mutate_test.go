package transporttest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/transport"
)

// TestEverySeededFaultIsNoticed proves the suite: what breaks a rule on purpose fails a case of that rule.
func TestEverySeededFaultIsNoticed(t *testing.T) {
	transporttest.Mutate(t, func(wrap func(transport.Factory) transport.Factory) transporttest.Harness {
		return inprocWith("inproc://", wrap)
	})
}

// TestAGoroutineThatACaseLeavesBehindIsNoticed proves the look at what is left, which a fake clock cannot: rule 7.4.
func TestAGoroutineThatACaseLeavesBehindIsNoticed(t *testing.T) {
	h := inprocHarness()
	h.Tick, h.Synctest = 1e6, false
	stop := make(chan struct{})
	report := transporttest.Execute(t.Context(), h, transporttest.Options{Cases: []transporttest.Case{{
		ID: "T999", Level: transporttest.Must, Tier: transporttest.Fast, Rule: "a case leaves nothing behind",
		Run: func(_ context.Context, e *transporttest.Env) error {
			e.Pair(t.Context())
			go func() { <-stop }() // ends with this test
			return nil
		},
	}}})
	close(stop)
	if report.OK() || !strings.Contains(report.Results[0].Reason, "leaked goroutine") {
		t.Errorf("got %+v, want a leaked goroutine", report.Results)
	}
}
