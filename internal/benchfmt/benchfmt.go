// Package benchfmt is what the measurements of "polywire bench" share: on what
// they were made, how figures are written, and limits that they must keep.
package benchfmt

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// A Machine tells on what something was measured, by its kind alone.
type Machine struct {
	Date     time.Time `json:"date"`
	Version  string    `json:"version"` // of polywire
	Go       string    `json:"go"`
	Platform string    `json:"platform"`
	CPU      string    `json:"cpu,omitempty"` // its model, where the system tells
	Cores    int       `json:"cores"`
}

// This is the machine of the process, now.
func This() Machine {
	return Machine{
		Date: time.Now().UTC().Truncate(time.Second), Version: version(), Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH, CPU: cpuModel(), Cores: runtime.GOMAXPROCS(0),
	}
}

// Head are the lines with which Go's benchmarks begin.
func (m Machine) Head() string {
	goos, goarch, _ := strings.Cut(m.Platform, "/")
	head := "goos: " + goos + "\ngoarch: " + goarch + "\npkg: github.com/polywire/polywire/bench\n"
	if m.CPU != "" {
		head += "cpu: " + m.CPU + "\n"
	}
	return head
}

// Facts are all of m in words.
func (m Machine) Facts() string {
	facts := []string{m.Date.Format(time.DateOnly), "polywire " + m.Version, m.Go, m.Platform}
	if m.CPU != "" {
		facts = append(facts, m.CPU)
	}
	return strings.Join(append(facts, strconv.Itoa(m.Cores)+" cores"), ", ")
}

// version is that of this module, whichever program it is in.
func version() string {
	const module = "github.com/polywire/polywire"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if info.Main.Path == module && info.Main.Version != "" {
		return info.Main.Version
	}
	for _, m := range info.Deps {
		if m.Path == module {
			return m.Version
		}
	}
	return "unknown"
}

// cpuModel is what Linux calls the processor, and "" elsewhere.
func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Figure has three digits that count, or as many as there are in thousandths.
func Figure(v float64) string {
	switch {
	case math.Abs(v) < 0.0005:
		return "0"
	case math.Abs(v) >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	digits := min(3, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	out := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(out, ".") {
		out = strings.TrimRight(strings.TrimRight(out, "0"), ".")
	}
	return out
}

// Count is a large number with its unit.
func Count(v float64) string {
	switch {
	case v >= 1e9:
		return Figure(v/1e9) + "G"
	case v >= 1e6:
		return Figure(v/1e6) + "M"
	case v >= 1e3:
		return Figure(v/1e3) + "k"
	}
	return Figure(v)
}

// Duration is ns in the unit that reads best.
func Duration(ns float64) string {
	switch {
	case ns >= 1e9:
		return Figure(ns/1e9) + " s"
	case ns >= 1e6:
		return Figure(ns/1e6) + " ms"
	case ns >= 1e3:
		return Figure(ns/1e3) + " µs"
	}
	return Figure(ns) + " ns"
}
