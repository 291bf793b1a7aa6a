package peertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Transcripts are files with a request and, behind a mark, the answer that a node gives to it. A page of the documentation shows them.
type Transcripts struct {
	Glob, Page string
	Least      int  // how many files there are at least
	Update     bool // write what nodes answer, rather than check it
	Requests   bool // the page shows requests too, and not answers alone

	// Exchange sends a request, and returns the answer without what differs each time.
	Exchange func(request string) (answer string)
}

// Check holds that nodes answer as recorded, and that the page says so.
func (tr Transcripts) Check(t *testing.T) {
	const mark = "\n--- answer\n"
	files, err := filepath.Glob(tr.Glob)
	if err != nil || len(files) < tr.Least {
		t.Fatalf("%d transcripts, %v; want %d at least", len(files), err, tr.Least)
	}
	page, err := os.ReadFile(tr.Page)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		request, want, _ := strings.Cut(string(text), mark)
		got := tr.Exchange(request)
		if tr.Update {
			if err := os.WriteFile(file, []byte(request+mark+got), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
		}
		if tr.Requests && !strings.Contains(string(page), strings.TrimSpace(request)) {
			t.Errorf("%s does not show the request of %s", tr.Page, file)
		}
		if !strings.Contains(string(page), strings.TrimSpace(want)) {
			t.Errorf("%s does not show the answer of %s", tr.Page, file)
		}
	}
}
