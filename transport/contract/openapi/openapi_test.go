package openapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"go.uber.org/goleak"

	"github.com/polywire/polywire/adapters/httpwire"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
	"github.com/polywire/polywire/transport/contract/openapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the document of the tests to testdata")

type (
	book struct {
		ID     string            `wire:"id,1"`
		Title  string            `wire:"title,2"`
		Pages  uint16            `wire:"pages,3"`
		Price  *float64          `wire:"price,4"`
		Tags   map[string]string `wire:"tags,5"`
		Sequel *book             `wire:"sequel,6"`
	}
	search struct {
		Words []string `wire:"words,1"`
		Limit int32    `wire:"limit,2"`
	}
	found struct {
		Books []book `wire:"books,1"`
	}
	soldOut struct {
		Until string `wire:"until,1"`
	}
)

func (soldOut) Error() string { return "sold out" }

var (
	books = contract.NewResource("books", func(b *book) *string { return &b.ID },
		contract.ReplyHeader("etag", func(b *book) string { return `"` + b.Title + `"` }), contract.Fails[soldOut](transport.CodeAborted))
	find = contract.NewMethod[search, found]("books.search", contract.HTTP("GET /books:search?q&limit"),
		contract.Param("q", func(s *search) *[]string { return &s.Words }), contract.Param("limit", func(s *search) *int32 { return &s.Limit }))
	read   = contract.NewMethod[contract.Ref, contract.None]("books.read", contract.HTTP("GET /shelf/{id=**}"), contract.Param("id", func(r *contract.Ref) *string { return &r.ID }))
	buy    = contract.NewQueue[book]("books.buy", contract.HTTP("POST /books/{book}:buy"), contract.Param("book", func(b *book) *string { return &b.ID }))
	ask    = contract.NewMethod[search, found]("books.ask")
	log    = contract.NewQueue[search]("books.log")
	sold   = contract.NewTopic[book]("books.sold")
	bids   = contract.NewSurvey[search, found]("books.bids")
	shop   = contract.NewService("books", append(books.Endpoints(), find, read, buy, ask, log, sold, bids)...)
	others = contract.NewService("others", contract.NewMethod[contract.None, found]("others.all", contract.HTTP("GET /others")))
)

func document(t testing.TB) []byte {
	t.Helper()
	var ds []*contract.Description
	for _, s := range []*contract.Service{shop, others} {
		d, err := s.Describe()
		if err != nil {
			t.Fatal(err)
		}
		ds = append(ds, d)
	}
	doc, err := openapi.Document(ds...)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestTheDocumentIsTheGoldenFile(t *testing.T) {
	const file = "testdata/books.json"
	doc := document(t)
	if *update {
		if err := os.WriteFile(file, doc, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(doc, want) {
		t.Errorf("the document differs from %s; go test -update writes it anew. Got\n%s", file, doc)
	}
}

func TestTheDocumentIsValidByTheOfficialSchema(t *testing.T) {
	official, err := os.ReadFile("testdata/oas-3.1-2026-08-03.json")
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(official, &s); err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(document(t), &doc); err != nil {
		t.Fatal(err)
	}
	if err := r.Validate(doc); err != nil {
		t.Errorf("the official schema refuses the document: %v", err)
	}
	doc["paths"].(map[string]any)["/books"].(map[string]any)["get"].(map[string]any)["responses"] = map[string]any{}
	if r.Validate(doc) == nil {
		t.Error("the official schema takes an operation without responses: it looks at nothing")
	}
}

// validate asks a validator of OpenAPI that is not ours; it checks references, names of paths and schemas too.
const validate = `
import json, sys
from openapi_spec_validator import OpenAPIV31SpecValidator
errors = list(OpenAPIV31SpecValidator(json.load(sys.stdin)).iter_errors())
print("\n".join(str(e) for e in errors) or "valid")
`

func TestAForeignValidatorTakesTheDocument(t *testing.T) {
	python := os.Getenv("POLYWIRE_TEST_PYTHON")
	if python == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no Python: set POLYWIRE_TEST_PYTHON to one with scripts/peers.txt")
		}
		t.Skip("no Python: set POLYWIRE_TEST_PYTHON to one with scripts/peers.txt")
	}
	ask := func(doc []byte) string {
		cmd := exec.CommandContext(t.Context(), python, "-c", validate)
		cmd.Stdin = bytes.NewReader(doc)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if got := ask(document(t)); got != "valid" {
		t.Errorf("openapi-spec-validator: %s", got)
	}
	if got := ask(bytes.Replace(document(t), []byte(`"in": "path"`), []byte(`"in": "query"`), 1)); got == "valid" {
		t.Error("openapi-spec-validator takes a path whose variable is no parameter: it looks at nothing")
	}
}

func TestOperationsOfOnePathInOpenAPIAreRefused(t *testing.T) {
	param := contract.Param("id", func(r *contract.Ref) *string { return &r.ID })
	s := contract.NewService("s", contract.NewMethod[contract.Ref, found]("a", contract.HTTP("GET /{id=a/*}"), param),
		contract.NewMethod[contract.Ref, found]("b", contract.HTTP("GET /{id=b/*}"), param))
	d, err := s.Describe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openapi.Document(d); err == nil || !strings.Contains(err.Error(), "is another operation's in OpenAPI") {
		t.Errorf("got %v", err)
	}
}

// serve opens a node that serves books and its documents.
func serve(t testing.TB) string {
	t.Helper()
	conn, err := transport.NewRegistry(httpwire.Factory()).Open(t.Context(), "http://?listen=127.0.0.1:0",
		transport.WithService("", transport.Service{Name: "books", Paths: shop.Paths()}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	bus, err := contract.Use(conn, jsoncodec.New())
	if err != nil {
		t.Fatal(err)
	}
	if err := openapi.Serve(t.Context(), bus, shop); err != nil {
		t.Fatal(err)
	}
	_, err = books.Create.Handle(t.Context(), bus, func(_ context.Context, b *book) (*book, error) { b.ID = "7"; return b, nil })
	if err != nil {
		t.Fatal(err)
	}
	_, err = books.Get.Handle(t.Context(), bus, func(_ context.Context, r *contract.Ref) (*book, error) {
		return &book{ID: r.ID, Title: "</pre><script>alert(1)</script>"}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = bids.Subscribe(t.Context(), bus, func(_ context.Context, s *search) (*found, error) {
		return &found{Books: []book{{ID: "1", Title: s.Words[0]}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + conn.Addr()
}

func fetch(t testing.TB, url string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func TestANodeServesItsDocumentAndAPage(t *testing.T) {
	node := serve(t)
	resp, body := fetch(t, node+"/openapi.json")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/json" || !strings.Contains(body, `"operationId": "books.get"`) {
		t.Errorf("the document: %d %s %.200s", resp.StatusCode, resp.Header.Get("Content-Type"), body)
	}
	resp, body = fetch(t, node+"/try")
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || resp.Header.Get("Content-Security-Policy") != "frame-ancestors 'self'" || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the page: %d %v", resp.StatusCode, resp.Header)
	}
	for _, outside := range []string{"http://", "https://", "src=", "@import", "STYLE", "SCRIPT"} {
		if strings.Contains(body, outside) {
			t.Errorf("the page holds %q: it must be whole in itself", outside)
		}
	}
	if !strings.Contains(body, "default-src 'none'") || strings.Contains(body, "unsafe") {
		t.Error("the page's policy is not the strict one")
	}
}

// FuzzDocument holds that any description of a stranger makes a document or an error, which the official schema takes.
func FuzzDocument(f *testing.F) {
	d, err := shop.Describe()
	if err != nil {
		f.Fatal(err)
	}
	doc, err := d.JSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	files, _ := filepath.Glob("../testdata/*.json")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := contract.ParseDescription(text)
		if err != nil {
			return
		}
		out, err := openapi.Document(d)
		if err != nil {
			return
		}
		if !json.Valid(out) || bytes.Contains(out, []byte(`"#/$defs/`)) {
			t.Fatalf("the document is no JSON, or a reference leads nowhere:\n%s", out)
		}
	})
}
