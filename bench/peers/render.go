package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// formats are the ways to print a report.
func formats() map[string]func(io.Writer, *report) error {
	return map[string]func(io.Writer, *report) error{
		"md": writeMarkdown, "csv": writeCSV, "json": writeJSON, "go": writeGo,
	}
}

func formatNames() string {
	return strings.Join(slices.Sorted(maps.Keys(formats())), ", ")
}

func writeJSON(w io.Writer, r *report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "\t")
	return e.Encode(r)
}

// writeGo prints every round as a line of Go's benchmarks, wall time first, for benchstat.
func writeGo(w io.Writer, r *report) error {
	goos, goarch, _ := strings.Cut(r.Platform, "/")
	if _, err := fmt.Fprintf(w, "goos: %s\ngoarch: %s\npkg: github.com/polywire/polywire/bench/peers\n", goos, goarch); err != nil {
		return err
	}
	for _, l := range r.Lines {
		for _, e := range l.Entries {
			for _, s := range e.Rounds {
				_, err := fmt.Fprintf(w, "Benchmark%s/peer=%s-%d\t%d\t%.1f ns/op\t%.1f cpu-ns/op\t%.1f B/op\t%.2f allocs/op\n",
					l.Path, e.Name, r.Cores, s.N, s.Wall, s.CPU, s.Bytes, s.Allocs)
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// writeCSV prints one record for each entry.
func writeCSV(w io.Writer, r *report) error {
	c := csv.NewWriter(w)
	records := [][]string{{"line", "entry", "cpu_ns", "wall_ns", "allocs", "ratio", "ratio_low", "ratio_high", "deliveries", "kind"}}
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	for _, l := range r.Lines {
		for _, e := range l.Entries {
			records = append(records, []string{
				l.Path, e.Name, number(e.CPU.Mid), number(e.Wall.Mid), number(e.Allocs.Mid),
				number(e.Ratio.Mid), number(e.Ratio.Low), number(e.Ratio.High), strconv.Itoa(l.Each), e.Kind,
			})
		}
	}
	return c.WriteAll(records)
}

func writeMarkdown(w io.Writer, r *report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, %s, %d cores; %d rounds of %v. Medians; in brackets the 95 %% bounds of the median ratio of the rounds.\n",
		r.Date.Format(time.DateOnly), r.Go, r.Platform, r.Cores, r.Rounds, r.Time)
	told := map[string]bool{} // kinds
	for _, l := range r.Lines {
		if !l.of.scale {
			l.markdown(&b, told)
		}
	}
	seriesMarkdown(&b, r.Lines)
	goalsMarkdown(&b, r.Lines)
	for _, path := range slices.Sorted(maps.Keys(r.Versions)) {
		fmt.Fprintf(&b, "\n- %s %s", path, r.Versions[path])
	}
	if len(r.Versions) > 0 {
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// markdown tells each kind once.
func (l *lineReport) markdown(b *strings.Builder, told map[string]bool) {
	fmt.Fprintf(b, "\n**%s%s** — `%s`\n\n", strings.ToUpper(l.Title[:1]), l.Title[1:], l.Path)
	b.WriteString("| | CPU | wall | allocs | ours ÷ theirs, CPU | kind |\n|---|---:|---:|---:|---|---|\n")
	for i, e := range l.Entries {
		against := "1"
		if i > 0 {
			against = bracketed(e.Ratio)
		}
		each, kind := float64(l.Each), e.Kind
		if told[e.Name+kind] {
			kind = "as above"
		}
		told[e.Name+e.Kind] = true
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", e.Name,
			duration(e.CPU.Mid/each), duration(e.Wall.Mid/each), figure(e.Allocs.Mid/each), against, kind)
	}
}

// seriesMarkdown tells how the CPU of each entry grows along the lines of a series.
func seriesMarkdown(b *strings.Builder, lines []lineReport) {
	bySeries := map[string][]lineReport{}
	for _, l := range lines {
		if l.of.series != "" {
			bySeries[l.of.series] = append(bySeries[l.of.series], l)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(bySeries)) {
		rows := bySeries[name]
		if len(rows) < 2 {
			continue
		}
		slices.SortFunc(rows, func(a, b lineReport) int { return slices.Compare(a.sizes(), b.sizes()) })
		columns := repeated(rows)
		fmt.Fprintf(b, "\n**As the work grows: %s** — CPU, in parentheses ours ÷ theirs\n\n| | %s |\n|---|%s\n",
			name, strings.Join(columns, " | "), strings.Repeat("---:|", len(columns)))
		for _, l := range rows {
			l.row(b, columns)
		}
	}
}

// repeated are the entries that are in more than one line.
func repeated(lines []lineReport) []string {
	var once, often []string
	for _, l := range lines {
		for _, e := range l.Entries {
			switch {
			case !slices.Contains(once, e.Name):
				once = append(once, e.Name)
			case !slices.Contains(often, e.Name):
				often = append(often, e.Name)
			}
		}
	}
	slices.SortFunc(often, func(a, b string) int { return slices.Index(once, a) - slices.Index(once, b) })
	return often
}

// row is a line of a series.
func (l *lineReport) row(b *strings.Builder, columns []string) {
	var names []string
	for _, p := range l.of.sizes() {
		names = append(names, p.key+" "+p.value)
	}
	fmt.Fprintf(b, "| %s |", strings.Join(names, ", "))
	for _, c := range columns {
		i := slices.IndexFunc(l.Entries, func(e entryReport) bool { return e.Name == c })
		switch {
		case i < 0:
			b.WriteString(" – |")
		case i == 0:
			fmt.Fprintf(b, " %s |", duration(l.Entries[i].CPU.Mid/float64(l.Each)))
		default:
			fmt.Fprintf(b, " %s (%s) |", duration(l.Entries[i].CPU.Mid/float64(l.Each)), figure(l.Entries[i].Ratio.Mid))
		}
	}
	b.WriteByte('\n')
}

// sizes are what a line's place in its series goes by.
func (l *lineReport) sizes() []int {
	var out []int
	for _, p := range l.of.sizes() {
		n, _ := strconv.Atoi(p.value) // a number: sizes has no others
		out = append(out, n)
	}
	return out
}

func goalsMarkdown(b *strings.Builder, lines []lineReport) {
	head := "\n**Goals**\n\n| line | what | goal | got | |\n|---|---|---|---|---|\n"
	for _, l := range lines {
		for _, g := range l.Goals {
			what := string(g.What)
			if g.Peer != "" {
				what = "÷ " + g.Peer
			}
			if g.What == moreAllocs {
				what = "allocations, ours − " + g.Peer
			}
			fmt.Fprintf(b, "%s| `%s` | %s | ≤ %s | %s | %s |\n", head, l.Path, what, figure(g.Most), bracketed(g.Got), g.Verdict)
			head = ""
		}
	}
}

// bracketed is a median and its bounds.
func bracketed(e estimate) string {
	if !e.bounded() {
		return figure(e.Mid)
	}
	return fmt.Sprintf("%s [%s, %s]", figure(e.Mid), figure(e.Low), figure(e.High))
}

// figure has three digits that count, or as many as there are in thousandths.
func figure(v float64) string {
	switch {
	case math.IsInf(v, 0) || math.IsNaN(v):
		return "–"
	case math.Abs(v) < 0.0005:
		return "0"
	case math.Abs(v) >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	digits := min(3, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	out := strconv.FormatFloat(v, 'f', digits, 64)
	return strings.TrimSuffix(strings.TrimRight(out, "0"), ".")
}

// duration is ns in the unit that reads best.
func duration(ns float64) string {
	switch {
	case ns >= 1e6:
		return figure(ns/1e6) + " ms"
	case ns >= 1e3:
		return figure(ns/1e3) + " µs"
	}
	return figure(ns) + " ns"
}
