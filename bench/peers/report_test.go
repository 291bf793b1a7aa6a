package main

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/perf/benchfmt"
)

func TestBoundsAreOrderStatistics(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   estimate
	}{
		{[]float64{12, 1, 11, 2, 10, 3, 9, 4, 8, 5, 7, 6}, estimate{6.5, 3, 10}}, // binomial: the 3rd to the 10th hold the median at 96 %
		{[]float64{6, 5, 4, 3, 2, 1}, estimate{3.5, 1, 6}},
		{[]float64{1, 1, 1, 1, 1, 1000}, estimate{1, 1, 1000}},
		{[]float64{3, 1, 2}, estimate{2, math.Inf(-1), math.Inf(1)}},
	} {
		if got := estimateOf(c.values); got != c.want {
			t.Errorf("%v: got %v, want %v", c.values, got, c.want)
		}
	}
}

func TestAGoalIsMetWhenTheLowerBoundIsUnderIt(t *testing.T) {
	for _, c := range []struct {
		got  estimate
		want verdict
	}{
		{estimate{0.5, 0.4, 0.6}, met},
		{estimate{0.9, 0.8, 1.0}, met},
		{estimate{1.1, 0.9, 1.3}, within},
		{estimate{1.2, 1.0, 1.4}, missed},
		{estimate{0.5, math.Inf(-1), math.Inf(1)}, unknown},
	} {
		if got := judge(c.got, 1); got != c.want {
			t.Errorf("%v against 1: got %q, want %q", c.got, got, c.want)
		}
	}
}

// sampleReport is of a line where we cost half as much as a peer in every round, though both vary.
func sampleReport() *report {
	l := line{name: "Publish", params: []param{{"subscribers", "10"}}, title: "a delivery", each: 10, goals: []goal{
		{ratio, "peer", 0.6}, {ratio, "peer", 0.4}, {allocs, "", 3}, {allocs, "", 2}, {cpu, "", 100},
	}}
	l.entries = []entry{{name: oursName, kind: "copied"}, {name: "peer", kind: "shared, \"fast\""}}
	samples := make([][]sample, 2)
	for i := range 8 {
		noise := float64(1 + i)
		samples[0] = append(samples[0], sample{N: 7, CPU: 1000 * noise, Wall: 2000 * noise, Allocs: 3.02, Bytes: 64})
		samples[1] = append(samples[1], sample{N: 9, CPU: 2000 * noise, Wall: 5000 * noise, Allocs: 5, Bytes: 1})
	}
	return &report{
		Date: time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC), Go: "go1.26", Platform: "linux/amd64", Cores: 2, Rounds: 8, Time: time.Second,
		Versions: map[string]string{"example.org/peer": "v1.2.3"}, Lines: []lineReport{reportOf(&l, samples)},
	}
}

func render(t *testing.T, format string) string {
	t.Helper()
	var b strings.Builder
	if err := formats()[format](&b, sampleReport()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMarkdownTellsRatiosOfRoundsAndGoals(t *testing.T) {
	want := strings.ReplaceAll(`2026-11-26, go1.26, linux/amd64, 2 cores; 8 rounds of 1s. Medians; in brackets the 95 % bounds of the median ratio of the rounds.

**A delivery** — ´Publish/subscribers=10´

| | CPU | wall | allocs | ours ÷ theirs, CPU | kind |
|---|---:|---:|---:|---|---|
| polywire | 450 ns | 900 ns | 0.302 | 1 | copied |
| peer | 900 ns | 2.25 µs | 0.5 | 0.5 [0.5, 0.5] | shared, "fast" |

**Goals**

| line | what | goal | got | |
|---|---|---|---|---|
| ´Publish/subscribers=10´ | ÷ peer | ≤ 0.6 | 0.5 [0.5, 0.5] | met |
| ´Publish/subscribers=10´ | ÷ peer | ≤ 0.4 | 0.5 [0.5, 0.5] | not met |
| ´Publish/subscribers=10´ | allocations | ≤ 3 | 3.02 [3.02, 3.02] | met |
| ´Publish/subscribers=10´ | allocations | ≤ 2 | 3.02 [3.02, 3.02] | not met |
| ´Publish/subscribers=10´ | CPU ns | ≤ 100 | 4500 [1000, 7000] | not met |

- example.org/peer v1.2.3
`, "´", "`")
	if diff := cmp.Diff(want, render(t, "md")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestASeriesIsToldInOrderOfSize(t *testing.T) {
	var lines []lineReport
	for _, n := range []string{"100", "1", "20"} {
		l := line{name: "Publish", params: []param{{"handlers", "isolated"}, {"subscribers", n}}, title: "x", each: 1, series: "a delivery", scale: n != "1"}
		l.entries = []entry{{name: oursName}, {name: "of " + n}, {name: "peer"}}
		samples := [][]sample{{{CPU: 100}}, {{CPU: 200}}, {{CPU: 400}}}
		if n == "20" {
			l.entries, samples = l.entries[:2], samples[:2]
		}
		lines = append(lines, reportOf(&l, samples))
	}
	var b strings.Builder
	if err := writeMarkdown(&b, &report{Lines: lines}); err != nil {
		t.Fatal(err)
	}
	want := `
**As the work grows: a delivery** — CPU, in parentheses ours ÷ theirs

| | polywire | peer |
|---|---:|---:|
| subscribers 1 | 100 ns | 400 ns (0.25) |
| subscribers 20 | 100 ns | – |
| subscribers 100 | 100 ns | 400 ns (0.25) |
`
	_, got, _ := strings.Cut(b.String(), "kind |")
	if !strings.HasSuffix(got, want) || strings.Contains(got, "kind |") {
		t.Errorf("got %s\nwant one table of a line, and\n%s", b.String(), want)
	}
}

func TestALoneLineIsNoSeries(t *testing.T) {
	r := sampleReport()
	r.Lines[0].of.series = "a delivery"
	var b strings.Builder
	if err := writeMarkdown(&b, r); err != nil || strings.Contains(b.String(), "As the work grows") {
		t.Errorf("got %v and\n%s\nwant no series", err, b.String())
	}
}

func TestCSVHasOneRecordForEachEntry(t *testing.T) {
	got, err := csv.NewReader(strings.NewReader(render(t, "csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"line", "entry", "cpu_ns", "wall_ns", "allocs", "ratio", "ratio_low", "ratio_high", "deliveries", "kind"},
		{"Publish/subscribers=10", "polywire", "4500", "9000", "3.02", "1", "1", "1", "10", "copied"},
		{"Publish/subscribers=10", "peer", "9000", "22500", "5", "0.5", "0.5", "0.5", "10", `shared, "fast"`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestJSONHasAllRoundsAndNullForABoundThereIsNot(t *testing.T) {
	var got struct {
		Lines []struct {
			Entries []struct {
				Ratio  map[string]*float64
				Rounds []sample
			}
		}
	}
	if err := json.Unmarshal([]byte(render(t, "json")), &got); err != nil {
		t.Fatal(err)
	}
	peer := got.Lines[0].Entries[1]
	if len(peer.Rounds) != 8 || peer.Rounds[3].CPU != 8000 || *peer.Ratio["median"] != 0.5 {
		t.Errorf("got %d rounds, %+v, ratio %v, want 8, 8000 in the fourth, 0.5", len(peer.Rounds), peer.Rounds[3], *peer.Ratio["median"])
	}
	none, err := json.Marshal(estimateOf([]float64{2}))
	if want := `{"high":null,"low":null,"median":2}`; err != nil || string(none) != want {
		t.Errorf("got %s, %v, want %s", none, err, want)
	}
}

func TestBenchstatReadsTheGoFormat(t *testing.T) {
	in := benchfmt.NewReader(strings.NewReader(render(t, "go")), "peers")
	var n int
	for in.Scan() {
		r, ok := in.Result().(*benchfmt.Result)
		if !ok {
			t.Fatalf("got %v, want results alone", in.Result())
		}
		n++
		if n != 9 { // the peer's first round
			continue
		}
		if got, want := r.Name.Full(), benchfmt.Name("Publish/subscribers=10/peer=peer-2"); string(got) != string(want) {
			t.Errorf("name: got %s, want %s", got, want)
		}
		used, _ := r.Value("cpu-sec/op") // benchstat's unit for it
		wall, _ := r.Value("sec/op")
		count, _ := r.Value("allocs/op")
		if r.Iters != 9 || math.Abs(used-2e-6) > 1e-12 || math.Abs(wall-5e-6) > 1e-12 || count != 5 {
			t.Errorf("got %d × %v cpu-s, %v s, %v allocs, want 9 × 2e-06, 5e-06, 5", r.Iters, used, wall, count)
		}
	}
	if err := in.Err(); err != nil || n != 16 {
		t.Errorf("got %d results, %v, want 16", n, err)
	}
}

func TestFiguresHaveThreeDigits(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 4e-6: "0", 0.01234: "0.012", 0.1234: "0.123", 0.5: "0.5", 1.2: "1.2", 12.345: "12.3", 99.96: "100", 1234.5: "1234", math.Inf(1): "–"} {
		if got := figure(v); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
	for ns, want := range map[float64]string{12: "12 ns", 1234: "1.23 µs", 5e6: "5 ms"} {
		if got := duration(ns); got != want {
			t.Errorf("%v ns: got %s, want %s", ns, got, want)
		}
	}
}
