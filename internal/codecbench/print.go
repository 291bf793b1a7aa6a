package codecbench

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
	"text/tabwriter"

	"github.com/polywire/polywire/internal/benchfmt"
)

// Formats are the ways to print a report, by name.
func Formats() map[string]func(io.Writer, *Report) error {
	return map[string]func(io.Writer, *Report) error{
		"text": writeText, "json": writeJSON, "csv": writeCSV, "md": writeMarkdown, "go": writeGo,
	}
}

// FormatNames are the names of Formats, in alphabetical order.
func FormatNames() []string { return slices.Sorted(maps.Keys(Formats())) }

func writeJSON(w io.Writer, r *Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "\t")
	return e.Encode(r)
}

// writeGo prints every round as a line of Go's benchmarks, for benchstat.
func writeGo(w io.Writer, r *Report) error {
	fmt.Fprint(w, r.Head())
	for _, x := range r.Results {
		for _, s := range x.Samples {
			_, err := fmt.Fprintf(w, "BenchmarkCodec/%s-%d\t%d\t%.1f ns/op\t%.2f MB/s\t%.1f items/s\t%d wire-bytes\t%d gzip-bytes\t%d zstd-bytes\t%.0f B/op\t%.0f allocs/op\n",
				x.Name(), r.Cores, s.N, s.NS, float64(x.Logical)/s.NS*1e3, float64(x.Items)/s.NS*1e9, x.Wire, x.Gzip, x.Zstd, math.Floor(s.Bytes), math.Floor(s.Allocs))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func writeCSV(w io.Writer, r *Report) error {
	c := csv.NewWriter(w)
	records := [][]string{append(Keys(), "ns", "ns_low", "ns_high", "items_per_s", "mb_per_s", "bytes", "allocs", "logical", "wire", "gzip", "zstd")}
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	for _, x := range r.Results {
		var record []string
		for _, key := range Keys() {
			record = append(record, x.Get(key))
		}
		for _, v := range []float64{x.NS, x.Low, x.High, x.PerSec, x.MBps, x.Bytes, x.Allocs} {
			record = append(record, number(v))
		}
		for _, n := range []int{x.Logical, x.Wire, x.Gzip, x.Zstd} {
			record = append(record, strconv.Itoa(n))
		}
		records = append(records, record)
	}
	return c.WriteAll(records)
}

// columns are what tables for people have after the codec.
func columns() []string {
	return []string{"time", "items/s", "MB/s", "B/op", "allocs", "wire", "gzip", "zstd"}
}

// cells are the figures of columns.
func (r *Result) cells() []string {
	return []string{
		benchfmt.Duration(r.NS), benchfmt.Count(r.PerSec), benchfmt.Figure(r.MBps), benchfmt.Figure(math.Floor(r.Bytes)), benchfmt.Figure(r.Allocs),
		strconv.Itoa(r.Wire), strconv.Itoa(r.Gzip), strconv.Itoa(r.Zstd),
	}
}

// head is what a table is about: all of the row but its codec.
func (r Row) head() string { return fmt.Sprintf("%s, %s, %s, %s", r.Shape, r.Op, r.Tier, r.Rows) }

func writeText(w io.Writer, r *Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	last := ""
	for _, x := range r.Results {
		if head := x.head(); head != last {
			fmt.Fprintf(t, "%s\n", head)
			fmt.Fprintf(t, "\t%s\t\n", strings.Join(columns(), "\t"))
			last = head
		}
		fmt.Fprintf(t, "  %-10s\t%s\t\n", x.Codec, strings.Join(x.cells(), "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, x := range r.refusals() {
		fmt.Fprintf(w, "no rows of %s\n", x)
	}
	_, err := fmt.Fprintf(w, "%s\n", r.method())
	return err
}

func writeMarkdown(w io.Writer, r *Report) error {
	fmt.Fprintf(w, "%s\n", r.method())
	last := ""
	for _, x := range r.Results {
		if head := x.head(); head != last {
			fmt.Fprintf(w, "\n**%s**\n\n| codec | %s |\n|---%s|\n", head, strings.Join(columns(), " | "), strings.Repeat("|---:", len(columns())))
			last = head
		}
		fmt.Fprintf(w, "| %s | %s |\n", x.Codec, strings.Join(x.cells(), " | "))
	}
	for i, x := range r.refusals() {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "- no rows of %s\n", x)
	}
	return nil
}

// method says in one line what the figures are of.
func (r *Report) method() string {
	return fmt.Sprintf("%s; medians of %d rounds in %v a row, one goroutine; MB/s are of the bytes that the value has as JSON.",
		r.Facts(), r.Rounds, r.Time)
}

// refusals tell what codecs do not carry, one line for each codec and kind of rows.
func (r *Report) refusals() []string {
	var out []string
	shapes, reason, order := map[[2]string][]string{}, map[[2]string]string{}, [][2]string(nil)
	for _, x := range r.Refused {
		key := [2]string{x.Codec, x.Rows}
		if shapes[key] == nil {
			order = append(order, key)
			reason[key] = x.Reason
		}
		shapes[key] = append(shapes[key], x.Shape)
	}
	for _, key := range order {
		out = append(out, fmt.Sprintf("%s, %s: %s: %s", key[0], key[1], strings.Join(shapes[key], ", "), reason[key]))
	}
	return out
}

// size is bytes in the unit that reads best.
func size(n int) string {
	if n >= 1<<10 {
		return benchfmt.Figure(float64(n)/(1<<10)) + " KiB"
	}
	return strconv.Itoa(n) + " B"
}
