package transporttest_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/polywire/polywire/conformance/transporttest"
)

func TestAContextThatEndsStopsTheRunAndFailsNoCase(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var began int
	pass := func(context.Context, *transporttest.Env) error { began++; return nil }
	waits := func(ctx context.Context, _ *transporttest.Env) error {
		began++
		cancel(errors.New("interrupted by a test"))
		<-ctx.Done()
		return ctx.Err()
	}
	report := transporttest.Execute(ctx, inprocHarness(), transporttest.Options{Cases: []transporttest.Case{
		{ID: "T901", Rule: "passes", Run: pass}, {ID: "T902", Rule: "waits", Run: waits}, {ID: "T903", Rule: "is not begun", Run: pass},
	}})
	if began != 2 || len(report.Results) != 1 || report.Counts[transporttest.Failed] != 0 {
		t.Errorf("got %d cases begun and the results %+v, want 2 and T901 alone", began, report.Results)
	}
	if report.OK() || report.Err != "stopped after 1 of 3 cases: interrupted by a test" {
		t.Errorf("got OK %v and the error %q", report.OK(), report.Err)
	}
}

func TestAContextThatHasEndedOpensNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	report := transporttest.Execute(ctx, inprocHarness(), transporttest.Options{})
	if report.OK() || len(report.Results) > 0 || !strings.Contains(report.Err, "canceled") {
		t.Errorf("got OK %v, %d results and the error %q", report.OK(), len(report.Results), report.Err)
	}
}
