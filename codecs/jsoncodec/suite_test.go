package jsoncodec

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"
)

var update = flag.Bool("update", false, "write testdata/jsontestsuite.golden")

// A suiteCase is one document of JSONTestSuite. The first letter of its name says
// what a parser does with it: y accepts, n rejects, i as it likes, t is to record.
type suiteCase struct{ name, text string }

func suiteCases(t testing.TB) (all []suiteCase) {
	t.Helper()
	data, err := os.ReadFile("testdata/jsontestsuite.txt")
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(data), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, terms, _ := strings.Cut(line, " ")
		c := suiteCase{name: name}
		for terms != "" {
			count, rest := 1, terms
			if n, after, ok := strings.Cut(terms, "*"); ok && terms[0] != '"' {
				count, _ = strconv.Atoi(n)
				rest = after
			}
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
			text, _ := strconv.Unquote(quoted)
			c.text += strings.Repeat(text, count)
			terms = strings.TrimSpace(rest[len(quoted):])
		}
		all = append(all, c)
	}
	return all
}

// unknown decodes the document where nobody knows the name of what it is, and so
// everything is allowed that is JSON.
func (s suiteCase) unknown(c *Codec) error {
	return c.Decode([]byte(`{"U":`+s.text+`}`), &struct{}{})
}

// value decodes the document into a message that holds any JSON.
func (s suiteCase) value(c *Codec) (*structpb.Value, error) {
	v := new(structpb.Value)
	return v, c.Decode([]byte(s.text), v)
}

func TestJSONTestSuite(t *testing.T) {
	c := New()
	docs := documents(t)
	count := map[byte]int{}
	for _, tc := range suiteCases(t) {
		count[tc.name[0]]++
		unknown := tc.unknown(c)
		_, value := tc.value(c)
		twice := strings.HasPrefix(tc.name, "y_object_duplicated_key") // one name twice, which the profile refuses
		if tc.name[0] == 'y' && (unknown != nil || value != nil) != twice {
			t.Errorf("%s: got %v, %v; refuse: %v", tc.name, unknown, value, twice)
		}
		if tc.name[0] != 'n' {
			continue
		}
		if unknown == nil || value == nil {
			t.Errorf("%s: got %v, %v; want errors", tc.name, unknown, value)
		}
		for _, d := range docs {
			if _, err := d.decode(c, []byte(tc.text)); err == nil {
				t.Errorf("%s is read as %s", tc.name, d.typ)
			}
		}
	}
	if count['y'] != 95 || count['n'] != 188 || count['i'] != 35 || count['t'] != 22 {
		t.Errorf("got %v cases of y, n, i and t; want 95, 188, 35 and 22", count)
	}
}

// TestJSONTestSuiteRecorded compares with testdata/jsontestsuite.golden what is done
// with the documents on which parsers differ.
func TestJSONTestSuiteRecorded(t *testing.T) {
	c := New()
	var got strings.Builder
	for _, tc := range suiteCases(t) {
		if tc.name[0] != 'i' && tc.name[0] != 't' {
			continue
		}
		fmt.Fprintf(&got, "%s\n\tunknown\t%s\n", tc.name, outcome(tc.unknown(c), nil))
		v, err := tc.value(c)
		fmt.Fprintf(&got, "\tValue\t%s\n", recode(c, v, err))
		for _, target := range []any{new([]int64), new([]uint64), new([]float64), new([]string), new(map[string]float64), new(map[string]string)} {
			if err := c.Decode([]byte(tc.text), target); err == nil || strings.Contains(err.Error(), "out of range") {
				fmt.Fprintf(&got, "\t%T\t%s\n", target, recode(c, target, err))
			}
		}
	}
	const golden = "testdata/jsontestsuite.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the suite's documents are read in another way than recorded: see git diff after go test -run Recorded -update")
	}
}

func outcome(err error, text []byte) string {
	if err != nil {
		return err.Error()
	}
	return strconv.QuoteToASCII(string(text))
}

func recode(c *Codec, v any, err error) string {
	if err != nil {
		return outcome(err, nil)
	}
	text, err := c.Append(nil, v)
	return outcome(err, text)
}
