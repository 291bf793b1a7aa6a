package xmlcodec

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The document on docs/formats/xml.md is what the codec writes, but for its lines.
func TestThePageShowsWhatIsWritten(t *testing.T) {
	type line struct {
		SKU string `wire:"sku"`
		N   int    `wire:"n"`
	}
	v := struct {
		ID     string            `wire:"id"`
		Paid   bool              `wire:"paid"`
		Lines  []line            `wire:"lines"`
		Labels map[string]string `wire:"labels"`
		Grid   [][]int           `wire:"grid"`
		Note   string            `wire:"note"`
	}{"ord-7", true, []line{{"a", 1}, {"b", 2}}, map[string]string{"sales tier": "gold", "region": "eu"}, [][]int{{1, 2}, {}}, "a\x00b"}
	page, err := os.ReadFile("../../docs/formats/xml.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(page), "```xml\n")
	block, _, found := strings.Cut(block, "```")
	want := regexp.MustCompile(`\n *`).ReplaceAllString(block, "")
	if got := mustAppend(t, New(), v); !found || string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
