package xmlcodec

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestXMLConformanceDocuments runs the documents of the W3C's suite that have no
// document type, with which all others are refused: what is not well-formed is
// refused as every type, and the rest skipped as nobody's, unless it is not UTF-8.
func TestXMLConformanceDocuments(t *testing.T) {
	data, err := os.ReadFile("testdata/xmlconf.txt")
	if err != nil {
		t.Fatal(err)
	}
	c := New()
	docs := documents(t)
	refused, read, foreign := 0, 0, 0
	for i, line := range strings.Split(string(data), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		cols := strings.Split(line, "\t")
		text, err := strconv.Unquote(cols[3])
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		err = c.Decode([]byte(text), new(struct{}))
		switch {
		case cols[0] == "n":
			refused++
			if err == nil {
				t.Errorf("%s (%s) is read: %q", cols[1], cols[2], text)
			}
			for _, d := range docs {
				if _, err := d.decode(c, []byte(text)); err == nil {
					t.Errorf("%s (%s) is read as %s: %q", cols[1], cols[2], d.typ, text)
				}
			}
		case !utf8.ValidString(text) || strings.Contains(text, "16\""):
			foreign++
			if err == nil {
				t.Errorf("%s, in another encoding than UTF-8, is read", cols[1])
			}
		default:
			read++
			if err != nil { // text where a struct has elements
				err = c.Decode([]byte(text), new(string))
			}
			if err != nil {
				t.Errorf("%s (%s): %v: %q", cols[1], cols[2], err, text)
			}
		}
	}
	if refused != 155 || read != 61 || foreign != 4 {
		t.Errorf("got %d to refuse, %d to read and %d in other encodings; want 155, 61 and 4", refused, read, foreign)
	}
}
