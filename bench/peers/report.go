package main

import (
	"encoding/json"
	"math"
	"runtime"
	"runtime/debug"
	"time"
)

// A report is all that one run found out, in the form that -format json prints.
type report struct {
	Date     time.Time         `json:"date"`
	Go       string            `json:"go"`
	Platform string            `json:"platform"`
	Cores    int               `json:"cores"`
	Rounds   int               `json:"rounds"`
	Time     time.Duration     `json:"time_ns"`
	Versions map[string]string `json:"versions,omitempty"` // of modules, as far as the binary tells
	Lines    []lineReport      `json:"lines"`
}

// A lineReport is one line's figures. They are of one operation, which makes Each deliveries.
type lineReport struct {
	Path    string        `json:"line"`
	Title   string        `json:"title"`
	Each    int           `json:"deliveries"`
	Entries []entryReport `json:"entries"` // ours first
	Goals   []goalReport  `json:"goals,omitempty"`

	of *line
}

// An entryReport is one library's figures in a line.
type entryReport struct {
	Name   string   `json:"name"`
	Kind   string   `json:"kind"`
	CPU    estimate `json:"cpu_ns"`
	Wall   estimate `json:"wall_ns"`
	Allocs estimate `json:"allocs"`
	Ratio  estimate `json:"ratio"` // ours ÷ theirs in CPU
	Rounds []sample `json:"rounds"`
}

// A goalReport is what became of a goal.
type goalReport struct {
	What    measure  `json:"what"`
	Peer    string   `json:"peer,omitempty"`
	Most    float64  `json:"most"`
	Got     estimate `json:"got"`
	Verdict verdict  `json:"verdict"`
}

// MarshalJSON writes null for a bound that there is not.
func (e estimate) MarshalJSON() ([]byte, error) {
	finite := func(v float64) *float64 {
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil
		}
		return &v
	}
	return json.Marshal(map[string]*float64{"median": finite(e.Mid), "low": finite(e.Low), "high": finite(e.High)})
}

// newReport has all but the lines.
func newReport(s settings) *report {
	return &report{
		Date: time.Now().UTC().Truncate(time.Second), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Cores: runtime.GOMAXPROCS(0), Rounds: s.Rounds, Time: s.Time, Versions: versions(),
	}
}

// versions are those of the libraries that lines name.
func versions() map[string]string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	out := map[string]string{}
	for _, m := range info.Deps {
		switch m.Path {
		case "connectrpc.com/connect", "connectrpc.com/connect/v2", "github.com/valyala/fasthttp", "google.golang.org/grpc",
			"github.com/go-kratos/kratos/v2", "go.uber.org/yarpc", "go-micro.dev/v5", "github.com/ThreeDotsLabs/watermill",
			"go.nanomsg.org/mangos/v3", "github.com/nats-io/nats-server/v2", "github.com/nats-io/nats.go", "github.com/asaskevich/EventBus",
			"github.com/go-json-experiment/json", "github.com/bytedance/sonic", "github.com/goccy/go-json", "github.com/hamba/avro/v2", "github.com/twmb/avro",
			"github.com/linkedin/goavro/v2", "google.golang.org/protobuf", "github.com/planetscale/vtprotobuf", "github.com/vmihailenco/msgpack/v5", "github.com/tinylib/msgp":
			out[m.Path] = m.Version
		}
	}
	return out
}

// reportOf sums up what measureLine took.
func reportOf(l *line, samples [][]sample) lineReport {
	out := lineReport{Path: l.path(), Title: l.title, Each: l.each, of: l}
	for i, e := range l.entries {
		out.Entries = append(out.Entries, entryReport{
			Name: e.name, Kind: e.kind, Rounds: samples[i],
			CPU:    estimateOf(column(samples[i], func(s sample) float64 { return s.CPU })),
			Wall:   estimateOf(column(samples[i], func(s sample) float64 { return s.Wall })),
			Allocs: estimateOf(column(samples[i], func(s sample) float64 { return s.Allocs })),
			Ratio:  estimateOf(ratios(samples[0], samples[i])),
		})
	}
	for _, g := range l.goals {
		out.Goals = append(out.Goals, out.hold(g))
	}
	return out
}

// hold judges one goal.
func (l *lineReport) hold(g goal) goalReport {
	out := goalReport{What: g.what, Peer: g.peer, Most: g.most}
	switch ours := l.Entries[0]; g.what {
	case cpu:
		out.Got = ours.CPU
	case allocs: // a count, rounded down as Go's testing does; it needs no bounds
		out.Got = ours.Allocs
		n := math.Floor(ours.Allocs.Mid)
		out.Verdict = judge(estimate{n, n, n}, g.most)
		return out
	case moreAllocs: // a count too
		for _, e := range l.Entries {
			if e.Name == g.peer {
				n := math.Floor(ours.Allocs.Mid) - math.Floor(e.Allocs.Mid)
				out.Got = estimate{n, n, n}
			}
		}
	case ratio:
		for _, e := range l.Entries {
			if e.Name == g.peer {
				out.Got = e.Ratio
			}
		}
	}
	out.Verdict = judge(out.Got, g.most)
	return out
}
