package loadbench

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/polywire/polywire/internal/benchfmt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func run(t *testing.T, s Settings, call Call) *Report {
	t.Helper()
	if s.Rounds == 0 {
		s.Rounds = 1
	}
	r, err := Run(t.Context(), s, call, func(err error) string { return err.Error() })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// stalling is a server that answers at once, but for its tenth call, which takes a second
// and holds up all others.
func stalling() Call {
	var calls atomic.Int64
	stall := make(chan struct{}, 1)
	return func(context.Context) (int, error) {
		stall <- struct{}{}
		defer func() { <-stall }()
		if calls.Add(1) == 10 {
			time.Sleep(time.Second)
		}
		return 1, nil
	}
}

// TestAnOpenLoopTellsOfAllCallsThatAStallHeldUp is what a closed loop omits: it waits with the server.
func TestAnOpenLoopTellsOfAllCallsThatAStallHeldUp(t *testing.T) {
	for _, callers := range []int{1, 64} {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, Settings{Callers: callers, Rate: 100, Time: 2 * time.Second}, stalling())
			if r.Calls != 200 || r.Loop != "open" {
				t.Errorf("%d callers: got %d calls in an %s loop, want 200 in an open one", callers, r.Calls, r.Loop)
			}
			// Of 200 calls, those of the second that it stood still are late, half a second in the middle.
			if got := time.Duration(r.P50); got > 10*time.Millisecond {
				t.Errorf("%d callers: p50 is %v, want next to nothing", callers, got)
			}
			at75 := time.Duration(r.latency.ValueAtQuantile(75))
			if at75 < 400*time.Millisecond || at75 > 600*time.Millisecond || time.Duration(r.Max) < 990*time.Millisecond {
				t.Errorf("%d callers: p75 is %v and max %v, want about 500ms and 1s", callers, at75, time.Duration(r.Max))
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{Callers: 1, Count: 200}, stalling())
		if at75 := r.latency.ValueAtQuantile(75); at75 > int64(time.Millisecond) || r.Calls != 200 || r.Loop != "closed" {
			t.Errorf("a closed loop of %d calls has p75 %v, want 200 and next to nothing", r.Calls, time.Duration(at75))
		}
	})
}

func TestCallersWorkAtOnceAndEachOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		r := run(t, Settings{Callers: 7, Time: time.Second, Rounds: 2, WarmUp: 100 * time.Millisecond}, func(context.Context) (int, error) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(10 * time.Millisecond)
			now.Add(-1)
			return 3, nil
		})
		if most.Load() != 7 || len(r.Rounds) != 2 || r.Calls != 700 || r.Received != 3 {
			t.Errorf("got %d at once, %d rounds of %d calls, %v bytes; want 7, 2, 700, 3", most.Load(), len(r.Rounds), r.Calls, r.Received)
		}
		if got := time.Duration(r.P99); got < 9900*time.Microsecond || got > 10100*time.Microsecond {
			t.Errorf("p99 is %v, want 10ms", got)
		}
	})
}

func TestWhatFailedIsInNoOtherFigure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		r := run(t, Settings{Callers: 1, Count: 10}, func(context.Context) (int, error) {
			if n.Add(1)%5 == 0 {
				time.Sleep(time.Hour)
				return 0, errors.New("unavailable")
			}
			time.Sleep(time.Millisecond)
			return 0, nil
		})
		if r.Failed != 2 || r.Errors["unavailable"] != 2 || r.Calls != 8 || time.Duration(r.Max) > 2*time.Millisecond {
			t.Errorf("got %d failed %v, %d calls, max %v; want 2, 8, 1ms", r.Failed, r.Errors, r.Calls, time.Duration(r.Max))
		}
	})
	broken := errors.New("broken")
	_, err := Run(t.Context(), Settings{Callers: 2, Count: 10, Rounds: 1}, func(context.Context) (int, error) { return 0, broken }, error.Error)
	if !errors.Is(err, broken) {
		t.Errorf("got %v when no call succeeded, want its error", err)
	}
}

func TestAnInterruptEndsTheMeasurement(t *testing.T) {
	for _, rate := range []float64{0, 0.01} {
		ctx, cancel := context.WithCancel(t.Context())
		began := make(chan struct{}, 64)
		go func() { // ends with the first call
			<-began
			cancel()
		}()
		_, err := Run(ctx, Settings{Callers: 2, Rate: rate, Time: time.Hour, Rounds: 1}, func(ctx context.Context) (int, error) {
			began <- struct{}{}
			<-ctx.Done()
			return 0, ctx.Err()
		}, error.Error)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("rate %v: got %v, want %v", rate, err, context.Canceled)
		}
	}
}

func TestProgressTellsOfWarmUpAndOfAllRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []Progress
		run(t, Settings{Callers: 1, Time: 2 * time.Second, WarmUp: time.Second, Rounds: 2, Progress: func(p Progress) { told = append(told, p) }},
			func(context.Context) (int, error) { time.Sleep(time.Millisecond); return 0, nil })
		cold, last := 0, 0.0
		for _, p := range told {
			if !p.Warm {
				cold++
				continue
			}
			if p.Done < last || p.Done > 1 {
				t.Errorf("progress went from %v to %v", last, p.Done)
			}
			last = p.Done
		}
		if cold < 4 || last < 0.8 || len(told) < 10 {
			t.Errorf("got %d of the warm-up, %d in all, up to %v; want some of each", cold, len(told), last)
		}
	})
}

// aReport has figures of one millisecond, in two rounds.
func aReport(t *testing.T) *Report {
	var r *Report
	synctest.Test(t, func(t *testing.T) {
		r = run(t, Settings{Callers: 1, Count: 20, Rounds: 2}, func(context.Context) (int, error) { time.Sleep(time.Millisecond); return 4, nil })
	})
	r.About = About{Op: "request", Destination: "hello", Transport: "http", Sent: 128}
	r.Machine = benchfmt.Machine{Go: "go1.26", Platform: "linux/amd64", Cores: 2}
	return r
}

func TestFormats(t *testing.T) {
	r := aReport(t)
	out := map[string]string{}
	for name, write := range Formats() {
		var b bytes.Buffer
		if err := write(&b, r); err != nil {
			t.Fatal(err)
		}
		out[name] = b.String()
	}
	line := regexp.MustCompile(`(?m)^BenchmarkRequest/transport=http/loop=closed/callers=1/bytes=128-2\t10\t1000000\.0 ns/op\t\d+ p50-ns\t.*\t1000\.0 calls/s\t\d+ B/op\t\d+ allocs/op$`)
	if got := len(line.FindAllString(out["go"], -1)); got != 2 || !strings.HasPrefix(out["go"], "goos: linux\ngoarch: amd64\npkg: ") {
		t.Errorf("got %d lines of Go's benchmarks, want one for each round:\n%s", got, out["go"])
	}
	records, err := csv.NewReader(strings.NewReader(out["csv"])).ReadAll()
	if err != nil || len(records) != 4 || records[3][6] != "all" || records[3][7] != "20" {
		t.Errorf("got %v, %v, want a line for each round and one of all 20 calls", records, err)
	}
	var back Report
	if err := json.Unmarshal([]byte(out["json"]), &back); err != nil || back.Calls != 20 || back.P99 != r.P99 || len(back.Rounds) != 2 {
		t.Errorf("got %+v, %v, want the same figures", back, err)
	}
	for _, want := range []string{"request hello over http, 128 B, 1 at a time in a closed loop", "20 calls in 20 ms", "p99    1 ms", "2 rounds"} {
		if !strings.Contains(out["text"], want) {
			t.Errorf("the text lacks %q:\n%s", want, out["text"])
		}
	}
}

func TestThresholdsHoldEveryMetric(t *testing.T) {
	r := aReport(t)
	for _, metric := range Metrics() {
		kept, err := ParseThreshold(metric + ">=0")
		if err != nil {
			t.Fatal(err)
		}
		broken, err := ParseThreshold(metric + "<-1")
		if err != nil {
			t.Fatal(err)
		}
		if missed := r.Missed([]benchfmt.Limit{kept, broken}); len(missed) != 1 || !strings.HasPrefix(missed[0], metric+" is ") || !strings.HasSuffix(missed[0], "want <-1") {
			t.Errorf("%s: got %q, want one line of what was missed", metric, missed)
		}
	}
	for text, want := range map[string]string{
		"p99<5ms": "", "p99.9<=1500": "", "rate>1000": "", "failed<=0": "",
		"p98<5ms": `did you mean "p90"?`, "rate>5ms": `the limit "5ms" is no number`, "p99<fast": "nor a time", "p99": "want METRIC<LIMIT", "": "want METRIC<LIMIT",
	} {
		if _, err := ParseThreshold(text); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestWhatCannotBeMeantIsRefused(t *testing.T) {
	good := Settings{Callers: 1, Time: time.Second, Rounds: 1}
	for i, change := range []func(*Settings){
		func(s *Settings) { s.Callers = 0 }, func(s *Settings) { s.Rate = -1 }, func(s *Settings) { s.Rate = math.NaN() }, func(s *Settings) { s.Rate = 1e-300 }, func(s *Settings) { s.Rounds = 0 },
		func(s *Settings) { s.Time = 0 }, func(s *Settings) { s.WarmUp = -1 }, func(s *Settings) { s.Count, s.Rounds = 2, 3 },
	} {
		s := good
		change(&s)
		if _, err := Run(t.Context(), s, func(context.Context) (int, error) { return 0, nil }, error.Error); err == nil {
			t.Errorf("change %d was taken", i)
		}
	}
}
