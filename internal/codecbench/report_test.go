package codecbench

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polywire/polywire/internal/benchfmt"
)

var update = flag.Bool("update", false, "write the golden files anew")

// aReport has the figures of nobody, of two codecs that carry plain structs and one that carries messages.
func aReport() *Report {
	r := &Report{
		Machine: benchfmt.Machine{
			Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Version: "v1.2.3", Go: "go1.26.8", Platform: "linux/amd64", CPU: "A CPU <7>", Cores: 2,
		},
		Rounds: 3, Time: 300 * time.Millisecond,
	}
	for i, shape := range []string{"order", "list"} {
		for _, rows := range []string{Plain, Generated} {
			for _, tier := range []string{Tuned, Naive} {
				for k, op := range []string{Encode, Decode} {
					for c, codec := range []string{"json", "protobuf"} {
						if codec == "json" && rows == Generated {
							continue
						}
						x := Result{Row: Row{codec, shape, tier, rows, op}, Items: 1 + 499*i, Sizes: Sizes{Logical: 180 + 90_000*i, Wire: 180 - 90*c + 85_000*i, Gzip: 160 + 17_000*i, Zstd: 170 + 18_000*i}}
						ns := float64(400*(k+1)*(2-c)) * (1 + 400*float64(i))
						if tier == Naive {
							ns *= 30
						}
						for _, f := range []float64{1, 3, 1.1} {
							x.Samples = append(x.Samples, Sample{N: 1000, NS: ns * f, Bytes: 112.9 * float64(k), Allocs: 1.5 * float64(k)})
						}
						x.sum()
						r.Results = append(r.Results, x)
					}
				}
			}
		}
	}
	r.Refused = []Refusal{{"json", "order", Generated, "json: check: no <messages>"}, {"json", "list", Generated, "json: check: no <messages>"}}
	return r
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is another; -update writes it anew (-want +got):\n%s", file, diff)
	}
}

func TestFormatsStayTheSame(t *testing.T) {
	for _, name := range FormatNames() {
		var out bytes.Buffer
		if err := Formats()[name](&out, aReport()); err != nil {
			t.Fatal(err)
		}
		golden(t, "report."+name+".txt", out.Bytes())
	}
}

func TestAReportSurvivesJSON(t *testing.T) {
	var out bytes.Buffer
	if err := writeJSON(&out, aReport()); err != nil {
		t.Fatal(err)
	}
	got := new(Report)
	if err := json.Unmarshal(out.Bytes(), got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(aReport(), got); diff != "" {
		t.Error(diff)
	}
}

// TestThePageIsWellFormedAndKeepsItsStructure compares elements and texts, not their looks.
func TestThePageIsWellFormedAndKeepsItsStructure(t *testing.T) {
	golden(t, "page.outline.txt", outline(t, thePage(t)))
}

func thePage(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := WriteHTML(&out, aReport()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// outline is a page's elements, indented, with their text.
func outline(t *testing.T, page []byte) []byte {
	var out bytes.Buffer
	d := xml.NewDecoder(bytes.NewReader(page))
	d.Strict, d.AutoClose = false, xml.HTMLAutoClose
	d.Entity = xml.HTMLEntity
	depth := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out.Bytes()
		}
		if err != nil {
			t.Fatalf("the page is not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "style" || token.Name.Local == "meta" {
				err = d.Skip()
				break
			}
			fmt.Fprintf(&out, "%*s%s", 2*depth, "", token.Name.Local)
			for _, a := range token.Attr {
				if a.Name.Local == "class" || a.Name.Local == "id" || a.Name.Local == "aria-label" || a.Name.Local == "aria-labelledby" {
					fmt.Fprintf(&out, " %s=%q", a.Name.Local, a.Value)
				}
			}
			fmt.Fprintln(&out)
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			if text := strings.TrimSpace(string(token)); text != "" {
				fmt.Fprintf(&out, "%*s%q\n", 2*depth, "", text)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestThePageNeedsNothingElse(t *testing.T) {
	page := string(thePage(t))
	for _, no := range []string{"<script", "http:", "https:", "@import", "url(", "src=", "<link"} {
		if strings.Contains(page, no) {
			t.Errorf("the page has %q: it must work offline", no)
		}
	}
	if strings.Contains(page, "<7>") || strings.Contains(page, "<messages>") {
		t.Error("the page shows a text that it did not escape")
	}
}

func TestOneCodecOfOneShapeMakesAPage(t *testing.T) {
	r := aReport()
	r.Results, r.Refused = r.Results[:1], nil
	var out bytes.Buffer
	if err := WriteHTML(&out, r); err != nil {
		t.Fatal(err)
	}
	if page := outline(t, out.Bytes()); bytes.Contains(page, []byte("At a glance")) || bytes.Contains(page, []byte("best")) {
		t.Errorf("one codec is compared with itself:\n%s", page)
	}
}

func TestFiguresHaveThreeDigits(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.0004: "0", 0.1234: "0.123", 1: "1", 1.2345: "1.23", 10: "10", 12.345: "12.3", 99.96: "100", 123.4: "123", 100000: "100000"} {
		if got := benchfmt.Figure(v); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
	for ns, want := range map[float64]string{0.5: "0.5 ns", 999: "999 ns", 1500: "1.5 µs", 2e6: "2 ms", 3e9: "3 s"} {
		if got := benchfmt.Duration(ns); got != want {
			t.Errorf("%v: got %s, want %s", ns, got, want)
		}
	}
}

func TestThresholds(t *testing.T) {
	for _, tc := range []struct {
		text   string
		missed int
		bad    string // of ParseThreshold or Missed
	}{
		{"allocs<=1", 0, ""}, // 1.5 on average count as 1, as Go's testing has it
		{"op=encode:allocs<=0", 0, ""},
		{"codec=protobuf/shape=order/op=encode/tier=tuned/rows=plain:wire<=90", 0, ""},
		{"codec=protobuf/shape=order/op=encode/tier=tuned/rows=plain:wire<90", 1, ""},
		{"shape=order/tier=tuned:ns<5µs", 0, ""},
		{"shape=list/tier=tuned/op=encode:ns<1us", 3, ""},
		{"codec=json/codec=protobuf/shape=order/tier=tuned/op=encode:ns>1", 0, ""},
		{"shape=order/op=decode/tier=tuned/codec=json:mb/s>=1e9", 1, ""},
		{"shape=order/op=decode/tier=tuned/codec=json:items/s>1", 0, ""},
		{"shape=order/op=decode/tier=tuned/codec=json:gzip>160", 1, ""},
		{"shape=order/op=decode/tier=tuned/codec=json:zstd>=170", 0, ""},
		{"shape=order/op=decode/tier=tuned/codec=json:bytes<112", 1, ""},
		{"shape=blob:ns<1", 0, `threshold "shape=blob:ns<1" is about no row that was measured`},
		{"", 0, "want METRIC<LIMIT"},
		{"alocs<1", 0, `unknown metric "alocs" (known: ns, allocs, bytes, wire, gzip, zstd, mb/s, items/s); did you mean "allocs"?`},
		{"allocs<x", 0, `the limit "x" is no number`},
		{"allocs<5µs", 0, `the limit "5µs" is no number`},
		{"shape:ns<1", 0, "rows are chosen by KEY=VALUE"},
		{"kind=x:ns<1", 0, "of the keys codec, shape, tier, rows, op"},
	} {
		th, err := ParseThreshold(tc.text)
		var missed []string
		if err == nil {
			missed, err = th.Missed(aReport())
		}
		if tc.bad != "" {
			if err == nil || !strings.Contains(err.Error(), tc.bad) {
				t.Errorf("%q: got %v, want an error that says %q", tc.text, err, tc.bad)
			}
			continue
		}
		if err != nil || len(missed) != tc.missed {
			t.Errorf("%q: got %q and %v, want %d", tc.text, missed, err, tc.missed)
		}
	}
}

func TestAMissedThresholdNamesRowFigureAndLimit(t *testing.T) {
	th, err := ParseThreshold("codec=json/shape=order/tier=tuned/op=encode:ns<=100ns")
	if err != nil {
		t.Fatal(err)
	}
	missed, err := th.Missed(aReport())
	want := []string{"codec=json/shape=order/tier=tuned/rows=plain/op=encode: ns is 880, want <=100ns"}
	if diff := cmp.Diff(want, missed); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
