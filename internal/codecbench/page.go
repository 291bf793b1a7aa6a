package codecbench

import (
	_ "embed" // the page
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/polywire/polywire/conformance/codectest"
	"github.com/polywire/polywire/internal/benchfmt"
)

//go:embed page.html
var pageText string

// WriteHTML writes the report as one page that needs nothing else: no script, no font,
// no network. Its charts are SVG with a title and a description, and each figure of a
// chart stands in the table beside it.
func WriteHTML(w io.Writer, r *Report) error {
	page, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	return page.Execute(w, r.page())
}

// A page is what the template shows.
type page struct {
	Facts    string
	Method   string
	Refused  []string
	Glance   []table
	Sections []section
}

// A section is one tier of one kind of rows.
type section struct {
	ID, Title, What string
	Single          bool // its blocks have one part, and stand in two columns
	Blocks          []block
}

// A block is one shape in a section: rows that are alike.
type block struct {
	Shape, What string
	Parts       []part
}

// A part is a chart with its table.
type part struct {
	Title string
	Chart template.HTML
	Table table
}

// A table has a name in front of each line's cells; Columns has the head of both.
type table struct {
	Title   string
	Label   string // for who cannot see what is around it
	Columns []string
	Lines   []line
}

type line struct {
	Name  string
	Cells []cell
}

type cell struct {
	Text string
	Best bool

	value float64 // less is better; NaN where there is no figure
}

func (r *Report) page() page {
	facts, method, _ := strings.Cut(r.method(), "; ")
	p := page{Facts: facts + ".", Method: strings.ToUpper(method[:1]) + method[1:], Refused: r.refusals(), Glance: r.glance()}
	for _, s := range []section{
		{ID: "plain-tuned", Title: "Plain structs, tuned", What: "What a service costs that uses Go structs."},
		{ID: "generated-tuned", Title: "Generated messages, tuned", What: "What a service costs that uses protoc's messages; JSON is protojson then."},
		{ID: "plain-naive", Title: "Plain structs, naive", What: "What a first call costs, in which the plan of the type is made."},
		{ID: "generated-naive", Title: "Generated messages, naive", What: "Likewise for protoc's messages, whose plans the process keeps."},
	} {
		rows, tier, _ := strings.Cut(s.ID, "-")
		s.Single = tier == Naive
		for _, shape := range r.values("shape") {
			if b, ok := r.block(Row{Shape: shape, Rows: rows, Tier: tier}); ok {
				s.Blocks = append(s.Blocks, b)
			}
		}
		if len(s.Blocks) > 0 {
			p.Sections = append(p.Sections, s)
		}
	}
	return p
}

// glance compares all shapes of the plain tuned rows with the best codec of each.
func (r *Report) glance() []table {
	if len(r.values("codec")) < 2 {
		return nil
	}
	var tables []table
	for _, t := range []table{
		r.compare("Size on the wire", "", func(x Result) float64 { return float64(x.Wire) }),
		r.compare("Time to encode", Encode, func(x Result) float64 { return x.NS }),
		r.compare("Time to decode", Decode, func(x Result) float64 { return x.NS }),
	} {
		if len(t.Lines) > 0 {
			tables = append(tables, t)
		}
	}
	return tables
}

// compare has a line for each shape, of which any codec has a figure.
func (r *Report) compare(title, op string, metric func(Result) float64) table {
	codecs := r.values("codec")
	t := table{Title: title, Label: title + ", all shapes", Columns: append([]string{"shape"}, codecs...)}
	for _, shape := range r.values("shape") {
		l := line{Name: shape}
		for _, codec := range codecs {
			c := cell{Text: "–", value: math.NaN()}
			if x, ok := r.either(Row{codec, shape, Tuned, Plain, op}); ok {
				c.value = metric(x)
			}
			l.Cells = append(l.Cells, c)
		}
		if l.relate() {
			t.Lines = append(t.Lines, l)
		}
	}
	return t
}

// either finds a row whose operation does not matter if it is "".
func (r *Report) either(row Row) (Result, bool) {
	if row.Op != "" {
		return r.find(row)
	}
	row.Op = Encode
	if x, ok := r.find(row); ok {
		return x, true
	}
	row.Op = Decode
	return r.find(row)
}

// relate tells each figure as a multiple of the least. It reports whether there is any.
func (l *line) relate() bool {
	best := math.Inf(1)
	for _, c := range l.Cells {
		if !math.IsNaN(c.value) {
			best = min(best, c.value)
		}
	}
	for i, c := range l.Cells {
		if !math.IsNaN(c.value) {
			l.Cells[i].Text, l.Cells[i].Best = times(c.value/best), c.value == best
		}
	}
	return !math.IsInf(best, 1)
}

// times has two digits that count.
func times(v float64) string {
	if v < 9.95 {
		return strconv.FormatFloat(v, 'f', 1, 64) + "×"
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + "×"
}

// A pair are the rows of one codec in a block. Either may be missing.
type pair struct {
	codec          string
	encode, decode *Result
}

// any returns the row that there is, for what both have.
func (p pair) any() *Result {
	if p.encode != nil {
		return p.encode
	}
	return p.decode
}

func (r *Report) block(row Row) (block, bool) {
	var pairs []pair
	for _, codec := range r.values("codec") {
		row.Codec = codec
		p := pair{codec: codec}
		row.Op = Encode
		if x, ok := r.find(row); ok {
			p.encode = &x
		}
		row.Op = Decode
		if x, ok := r.find(row); ok {
			p.decode = &x
		}
		if p.any() != nil {
			pairs = append(pairs, p)
		}
	}
	if len(pairs) == 0 {
		return block{}, false
	}
	b := block{Shape: row.Shape, What: what(row.Shape)}
	about := row.Shape + ", " + row.Rows + ", " + row.Tier
	if row.Tier == Tuned {
		t := table{Label: "Sizes of " + about, Columns: []string{"codec", "size", "of JSON's", "gzip", "zstd"}}
		for _, p := range pairs {
			t.Lines = append(t.Lines, line{p.codec, p.sizes()})
		}
		b.Parts = append(b.Parts, part{"Size on the wire", sizeChart(row, pairs), t.marked()})
	}
	t := table{Label: "Speed of " + about, Columns: []string{"codec", "encode", "MB/s", "allocs", "decode", "MB/s", "allocs"}}
	for _, p := range pairs {
		t.Lines = append(t.Lines, line{p.codec, p.speeds()})
	}
	b.Parts = append(b.Parts, part{"Time of one operation, on a logarithmic scale: less is better", speedChart(row, pairs), t.marked()})
	return b, true
}

func what(shape string) string {
	for _, w := range codectest.Workloads() {
		if w.Name == shape {
			return strings.ToUpper(w.What[:1]) + w.What[1:] + "."
		}
	}
	return ""
}

func (p pair) sizes() []cell {
	x := p.any()
	share := 100 * float64(x.Wire) / float64(x.Logical)
	return []cell{
		{Text: size(x.Wire), value: float64(x.Wire)}, {Text: benchfmt.Figure(math.Round(share)) + " %", value: share},
		{Text: size(x.Gzip), value: float64(x.Gzip)}, {Text: size(x.Zstd), value: float64(x.Zstd)},
	}
}

func (p pair) speeds() []cell {
	var cells []cell
	for _, x := range []*Result{p.encode, p.decode} {
		if x == nil {
			none := cell{Text: "–", value: math.NaN()}
			cells = append(cells, none, none, none)
			continue
		}
		cells = append(cells, cell{Text: benchfmt.Duration(x.NS), value: x.NS}, cell{Text: benchfmt.Figure(x.MBps), value: -x.MBps}, cell{Text: benchfmt.Figure(x.Allocs), value: x.Allocs})
	}
	return cells
}

// marked marks the best of each column, if there is anything to choose between.
func (t table) marked() table {
	for i := range t.Lines[0].Cells {
		var values []float64
		for _, l := range t.Lines {
			if v := l.Cells[i].value; !math.IsNaN(v) {
				values = append(values, v)
			}
		}
		if len(values) < 2 || slices.Min(values) == slices.Max(values) {
			continue
		}
		for _, l := range t.Lines {
			l.Cells[i].Best = l.Cells[i].value == slices.Min(values)
		}
	}
	return t
}
