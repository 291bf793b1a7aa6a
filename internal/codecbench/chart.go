package codecbench

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"github.com/polywire/polywire/internal/benchfmt"
)

// Measures of charts in units of their view boxes, which are pixels unless a page is narrow.
const (
	chartWidth = 340.0
	plotLeft   = 72.0  // after the names
	plotRight  = 236.0 // before the figures
	rowHeight  = 26.0
	topHeight  = 20.0 // of the key
	axisHeight = 22.0
)

// A drawing is an SVG in the making. All text in it is of this package, and escaped all the same.
type drawing struct{ strings.Builder }

func (d *drawing) text(class string, x, y float64, text string) {
	if class != "" {
		class = fmt.Sprintf(" class=%q", class)
	}
	fmt.Fprintf(d, "<text%s x=\"%.1f\" y=\"%.1f\">%s</text>\n", class, x, y, template.HTMLEscapeString(text))
}

func (d *drawing) rule(class string, from, to [2]float64) {
	fmt.Fprintf(d, "<line class=%q x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class, from[0], from[1], to[0], to[1])
}

// encoded and decoded are marks that differ in form and filling, not in colour alone.
func (d *drawing) encoded(x, y float64) {
	fmt.Fprintf(d, "<circle class=\"encode\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\"/>\n", x, y)
}

func (d *drawing) decoded(x, y float64) {
	fmt.Fprintf(d, "<path class=\"decode\" d=\"M%.1f %.1fl5.5 5.5l-5.5 5.5l-5.5 -5.5z\"/>\n", x, y-5.5)
}

// svg closes the drawing, whose title and description are read to who cannot see it.
func (d *drawing) svg(id, title, description string, height float64) template.HTML {
	return template.HTML(fmt.Sprintf("<svg role=\"img\" viewBox=\"0 0 %.0f %.0f\" aria-labelledby=\"%s-t %s-d\">\n<title id=\"%s-t\">%s</title>\n<desc id=\"%s-d\">%s</desc>\n%s</svg>",
		chartWidth, height, id, id, id, template.HTMLEscapeString(title), id, template.HTMLEscapeString(description), d.String())) //nolint:gosec // escaped
}

func chartID(kind string, row Row) string {
	return strings.Join([]string{kind, row.Rows, row.Tier, row.Shape}, "-")
}

// sizeChart has a bar for each codec, from zero, and a stroke where zstd brings it.
func sizeChart(row Row, pairs []pair) template.HTML {
	d := new(drawing)
	most, told := 1, []string(nil)
	for _, p := range pairs {
		most = max(most, p.any().Wire, p.any().Zstd)
	}
	scale := (plotRight - plotLeft) / float64(most)
	d.rule("packed", [2]float64{plotLeft, 5}, [2]float64{plotLeft, 13})
	d.text("key", plotLeft+6, 13, "after zstd")
	d.text("key figure", chartWidth-4, 13, "and of JSON's")
	for i, p := range pairs {
		x, y := p.any(), topHeight+float64(i)*rowHeight
		d.text("", 0, y+17, p.codec)
		fmt.Fprintf(d, "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"16\"/>\n", plotLeft, y+5, max(1, float64(x.Wire)*scale))
		packed := plotLeft + float64(x.Zstd)*scale
		d.rule("packed", [2]float64{packed, y + 3}, [2]float64{packed, y + 23})
		share := fmt.Sprintf("%.0f %%", 100*float64(x.Wire)/float64(x.Logical))
		d.text("figure", chartWidth-4, y+17, size(x.Wire)+" · "+share)
		told = append(told, fmt.Sprintf("%s %s, %s with zstd", p.codec, size(x.Wire), size(x.Zstd)))
	}
	return d.svg(chartID("size", row), fmt.Sprintf("Size of %s in each format (%s)", row.Shape, row.Rows), strings.Join(told, "; ")+".", topHeight+float64(len(pairs))*rowHeight+4)
}

// speedChart has two marks for each codec on a logarithmic scale of whole decades.
func speedChart(row Row, pairs []pair) template.HTML {
	d := new(drawing)
	low, high := decades(pairs)
	at := func(ns float64) float64 {
		return plotLeft + 8 + (math.Log10(ns)-low)/(high-low)*(plotRight-plotLeft-16)
	}
	bottom := topHeight + float64(len(pairs))*rowHeight
	d.encoded(plotLeft+5, 9)
	d.text("key", plotLeft+14, 13, "encode")
	d.decoded(plotLeft+70, 9)
	d.text("key", plotLeft+80, 13, "decode")
	step := math.Ceil((high - low) / 3) // labels that have room
	for e := low; e <= high; e++ {
		x := at(math.Pow(10, e))
		d.rule("grid", [2]float64{x, topHeight}, [2]float64{x, bottom + 4})
		if math.Mod(e-low, step) == 0 {
			d.text("tick", x, bottom+17, benchfmt.Duration(math.Pow(10, e)))
		}
	}
	var told []string
	for i, p := range pairs {
		y := topHeight + float64(i)*rowHeight + 13
		d.text("", 0, y+4, p.codec)
		told = append(told, p.codec+" "+p.marks(d, at, y))
	}
	return d.svg(chartID("speed", row), fmt.Sprintf("Time to encode and decode %s in each format (%s, %s)", row.Shape, row.Rows, row.Tier), strings.Join(told, "; ")+".", bottom+axisHeight)
}

// decades are the powers of ten that hold all figures.
func decades(pairs []pair) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, p := range pairs {
		for _, x := range []*Result{p.encode, p.decode} {
			if x != nil && x.NS > 0 {
				low, high = min(low, math.Floor(math.Log10(x.NS))), max(high, math.Ceil(math.Log10(x.NS)))
			}
		}
	}
	switch {
	case math.IsInf(low, 0):
		return 0, 1
	case low == high:
		return low, high + 1
	}
	return low, high
}

// marks draws a codec's figures, and returns them in words.
func (p pair) marks(d *drawing, at func(float64) float64, y float64) string {
	if p.encode != nil && p.decode != nil {
		d.rule("span", [2]float64{at(p.encode.NS), y}, [2]float64{at(p.decode.NS), y})
	}
	var figures, told []string
	if p.encode != nil {
		d.encoded(at(p.encode.NS), y)
		figures = append(figures, benchfmt.Duration(p.encode.NS))
		told = append(told, "encode "+benchfmt.Duration(p.encode.NS))
	}
	if p.decode != nil {
		d.decoded(at(p.decode.NS), y)
		figures = append(figures, benchfmt.Duration(p.decode.NS))
		told = append(told, "decode "+benchfmt.Duration(p.decode.NS))
	}
	d.text("figure", chartWidth-4, y+4, strings.Join(figures, " · "))
	return strings.Join(told, ", ")
}
