package rest

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func table(t *testing.T, rules map[string]string) *Table {
	t.Helper()
	table, err := ParseTable(rules)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

var shop = map[string]string{
	"orders.list":   "GET /orders?page&state",
	"orders.create": "POST /orders",
	"orders.get":    "GET /orders/{id}?expand",
	"orders.latest": "GET /orders/latest",
	"orders.update": "PUT /orders/{id}",
	"orders.delete": "DELETE /orders/{id}",
	"orders.cancel": "POST /orders/{id}:cancel",
	"orders.search": "GET /orders:search?*",
	"lines.get":     "GET /orders/{order}/lines/{line}",
	"names.get":     "GET /v1/{name=shelves/*/books/*}",
	"files.get":     "GET /files/{path=**}",
	"root":          "GET /",
}

func TestARequestFindsTheMostSpecificRule(t *testing.T) {
	for request, want := range map[string]Match{
		"GET /":                              {Destination: "root"},
		"GET /orders":                        {Destination: "orders.list"},
		"HEAD /orders":                       {Destination: "orders.list"},
		"GET /orders?page=2&state=a&state=b": {Destination: "orders.list", Params: url.Values{"page": {"2"}, "state": {"a", "b"}}},
		"POST /orders":                       {Destination: "orders.create"},
		"GET /orders/7?expand":               {Destination: "orders.get", Params: url.Values{"id": {"7"}, "expand": {""}}},
		"GET /orders/latest":                 {Destination: "orders.latest"},
		"DELETE /orders/latest":              {Destination: "orders.delete", Params: url.Values{"id": {"latest"}}},
		"GET /orders/a%2Fb":                  {Destination: "orders.get", Params: url.Values{"id": {"a/b"}}},
		"GET /orders/%252e%252e":             {Destination: "orders.get", Params: url.Values{"id": {"%2e%2e"}}},
		"GET /orders/a+b":                    {Destination: "orders.get", Params: url.Values{"id": {"a+b"}}},
		"GET /order%73/7":                    {Destination: "orders.get", Params: url.Values{"id": {"7"}}},
		"POST /orders/7:cancel":              {Destination: "orders.cancel", Params: url.Values{"id": {"7"}}},
		"POST /orders/7:3:cancel":            {Destination: "orders.cancel", Params: url.Values{"id": {"7:3"}}},
		"GET /orders/7:cancel":               {Destination: "orders.get", Params: url.Values{"id": {"7:cancel"}}},
		"GET /orders:search?q=a%26b":         {Destination: "orders.search", Params: url.Values{"q": {"a&b"}}},
		"GET /orders/7/lines/8":              {Destination: "lines.get", Params: url.Values{"order": {"7"}, "line": {"8"}}},
		"GET /v1/shelves/a/books/b":          {Destination: "names.get", Params: url.Values{"name": {"shelves/a/books/b"}}},
		"GET /files":                         {Destination: "files.get"},
		"GET /files/a/b%20c":                 {Destination: "files.get", Params: url.Values{"path": {"a/b c"}}},
	} {
		method, target, _ := strings.Cut(request, " ")
		path, query, _ := strings.Cut(target, "?")
		got, err := table(t, shop).Match(method, path, query)
		if err != nil {
			t.Errorf("%s: %v", request, err)
			continue
		}
		got.Rule = nil
		if d := cmp.Diff(want, *got); d != "" {
			t.Errorf("%s: -want +got\n%s", request, d)
		}
	}
}

func TestARequestThatFitsNoRuleIsRefused(t *testing.T) {
	for request, want := range map[string]string{
		"GET /nothing":                                "no such path",
		"GET /orders/":                                "no such path",
		"GET //orders":                                "no such path",
		"GET /orders//lines/8":                        "no such path",
		"GET /orders/7/lines/":                        "no such path",
		"GET orders":                                  "no such path",
		"GET /ORDERS":                                 "no such path",
		"GET /files//a":                               "no such path",
		"GET /files/a/":                               "no such path",
		"PATCH /orders/7":                             "this path takes DELETE, GET, HEAD, OPTIONS, PUT",
		"GET /orders/../admin":                        ". or ..",
		"GET /orders/%2e%2E":                          ". or ..",
		"GET /files/a/../../b":                        ". or ..",
		"GET /files/.%2e/b":                           ". or ..",
		"POST /orders/..:cancel":                      "this path takes",
		"GET /orders/%zz":                             "well encoded",
		"GET /orders/%00":                             "control characters",
		"GET /orders/%ff":                             "UTF-8",
		"GET /files/a%2Fb":                            "encoded slash",
		"GET /v1/shelves/a%2Fb/books/c":               "encoded slash",
		"GET /orders/7?expnad=1":                      `unknown name "expnad" in the query; known: expand`,
		"GET /orders/7?id=8":                          "stands in the path",
		"GET /orders?page=%zz":                        "well encoded",
		"GET /orders?page=1;b=2":                      "well encoded",
		"GET /orders:search?q=%01":                    "control characters",
		"GET /orders/" + strings.Repeat("a", maxPath): "no such path",
	} {
		method, target, _ := strings.Cut(request, " ")
		path, query, _ := strings.Cut(target, "?")
		_, err := table(t, shop).Match(method, path, query)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got error %v, want %q", request, err, want)
		}
	}
}

func TestAMalformedRuleIsRefused(t *testing.T) {
	for rule, want := range map[string]string{
		"":                                       "write a verb",
		"GET":                                    "write a verb",
		"get /orders":                            "write a verb",
		"OPTIONS /orders":                        "write a verb",
		"GET orders":                             "write a verb",
		"GET /orders/":                           "does not end in a slash",
		"GET /orders//x":                         "a segment is of",
		"GET /orders/..":                         "a segment is of",
		"GET /orders/%41":                        "a segment is of",
		"GET /orders/{id":                        "not closed",
		"GET /orders/{id}.json":                  "whole segment",
		"GET /orders/x{id}":                      "a segment is of",
		"GET /orders/{id}/{id}":                  "stands twice",
		"GET /orders/{id}?id":                    "stands twice",
		"GET /orders/{a b}":                      "body=",
		"GET /orders/{}":                         "use letters",
		"GET /orders/*":                          "needs a name",
		"GET /orders/{a=b}":                      "give it a *",
		"GET /{a=**}/b":                          "comes last",
		"GET /orders?":                           "use letters",
		"GET /orders?a&&b":                       "use letters",
		"GET /orders/{id}:":                      "verb of one's own",
		"GET /:x":                                "follows a segment",
		"GET /orders?a=1":                        "use letters",
		"POST /orders body=order":                "body=* or body=none",
		"GET /" + strings.Repeat("a/", 40) + "a": "at most 32",
		"GET /" + strings.Repeat("a", maxRule):   "at most 512",
	} {
		if _, err := Parse(rule); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got error %v, want %q", rule, err, want)
		}
	}
}

func TestRulesThatNoRequestCanTellApartAreRefused(t *testing.T) {
	for _, pair := range [][2]string{
		{"GET /a/{x}", "GET /a/{y}"},
		{"GET /a?x", "GET /a?y"},
		{"GET /a/{x}/c", "GET /{y}/b/c"},
		{"GET /{a=**}", "GET /{b=**}"},
		{"GET /{a}:go", "GET /{b}:go"},
		{"GET /a/{x}", "GET /{y}/{z}:go"},
		{"GET /{a=x/*}", "GET /{b=*/y}"},
	} {
		if _, err := ParseTable(map[string]string{"a": pair[0], "b": pair[1]}); err == nil {
			t.Errorf("%q and %q: got no error", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{
		{"GET /a/{x}", "POST /a/{x}"},
		{"GET /a/{x}", "GET /a/b"},
		{"GET /a/{x}", "GET /a/{x}:go"},
		{"GET /a/{x}:stop", "GET /a/{x}:go"},
		{"GET /a/b", "GET /a/{x}:go"},
		{"GET /{a=**}", "GET /a/{b=**}"},
		{"GET /a", "GET /{a=**}"},
		{"GET /a/{x}/c", "GET /a/{x}/d"},
	} {
		if _, err := ParseTable(map[string]string{"a": pair[0], "b": pair[1]}); err != nil {
			t.Errorf("%q and %q: %v", pair[0], pair[1], err)
		}
	}
}

func TestARuleTellsItsParts(t *testing.T) {
	for text, want := range map[string]string{
		"GET /":                             "/ false",
		"GET /orders/{id}:cancel?a&b":       "/orders/{id}:cancel false",
		"POST /v1/{name=shelves/*/books/*}": "/v1/{name} true",
		"DELETE /orders/{id} body=*":        "/orders/{id} true",
		"PUT /orders/{id} body=none":        "/orders/{id} false",
		"GET /{a=x/*}/{b}":                  "/{a}/{b} false",
	} {
		r, err := Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		got := r.Path() + map[bool]string{true: " true", false: " false"}[r.Body()]
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestWhatCannotTravelInAPathIsRefused(t *testing.T) {
	for rule, params := range map[string]url.Values{
		"GET /a/{x}":     {"x": {""}},
		"GET /b/{x}":     {"x": {".."}},
		"GET /c/{x}":     {"x": {"a", "b"}},
		"GET /d/{x}":     {},
		"GET /e/{x}":     {"x": {"1"}, "y": {"2"}},
		"GET /f/{x=**}":  {"x": {"a/../b"}},
		"GET /g/{x=**}":  {"x": {"a//b"}},
		"GET /h/{x=s/*}": {"x": {"t/1"}},
		"GET /i/{x=s/*}": {"x": {"s"}},
		"GET /j/{x=s/*}": {"x": {"s/1/2"}},
		"GET /k/{x}":     {"x": {"\x00"}},
		"GET /l/{x}":     {"x": {"\xff"}},
		"GET /m?q":       {"q": {"\n"}},
		"GET /n/{x}":     {"x": {strings.Repeat("<", maxPath/3)}}, // three bytes each, once it is escaped
		"GET /o/{x=**}":  {"x": {strings.Repeat("a/", maxParts) + "a"}},
	} {
		r, err := Parse(rule)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.Build(params); err == nil {
			t.Errorf("%q of %v: got %q, want an error", rule, params, got)
		} else if strings.Contains(err.Error(), "t/1") {
			t.Errorf("%q: the error shows the value: %v", rule, err)
		}
	}
}

// fit holds rules whose variables take any text that a path can carry.
var fit = []string{"GET /a/{x}?q", "GET /a/{x}:go?q", "GET /b/{x=**}?q", "GET /c/{x}/d?q&*", "GET /e/{x=s/**}?q"}

// FuzzMatchUndoesBuild holds decode(encode(params)) = params for every rule, and what else
// is true of every text: what is built is one path of the rule's own, without a way out of it.
func FuzzMatchUndoesBuild(f *testing.F) {
	for _, x := range []string{"7", "a/b", "..", "%2e%2e", "a:go", "ä ö", "a?b#c&d=e+f", "a%2Fb", "\\", "s/x", ""} {
		f.Add(x, x)
	}
	f.Fuzz(func(t *testing.T, x, q string) {
		for _, text := range fit {
			r, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			params := url.Values{"x": {x}, "q": {q}}
			target, err := r.Build(params)
			if err != nil {
				continue
			}
			if strings.Contains(target, "..") && !strings.Contains(x+q, "..") || strings.ContainsAny(target, " #\\\"<>\x00\r\n") {
				t.Fatalf("%q of %q: built %q", text, params, target)
			}
			path, query, _ := strings.Cut(target, "?")
			got, err := table(t, map[string]string{"it": text}).Match("GET", path, query)
			if err != nil {
				t.Fatalf("%q of %q: built %q, which is refused: %v", text, params, target, err)
			}
			if x == "" {
				delete(params, "x") // nothing is left of the path
			}
			if d := cmp.Diff(params, got.Params); d != "" {
				t.Fatalf("%q, %q: -sent +got\n%s", text, target, d)
			}
		}
	})
}

// FuzzBuildUndoesMatch holds that what is read of a request builds a request of the same meaning.
func FuzzBuildUndoesMatch(f *testing.F) {
	for _, target := range []string{"/orders/7?expand", "/orders/a%2fb", "/orders/7:cancel", "/files/a/b", "/orders/..", "/v1/shelves/1/books/2", "/orders:search?a=b&a=c"} {
		f.Add("GET", target)
	}
	shop, err := ParseTable(shop)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		path, query, _ := strings.Cut(target, "?")
		m, err := shop.Match(method, path, query)
		if err != nil {
			return
		}
		again, err := m.Rule.Build(m.Params)
		if err != nil {
			t.Fatalf("%s %q was read as %v, which cannot be built: %v", method, target, m.Params, err)
		}
		path, query, _ = strings.Cut(again, "?")
		back, err := shop.Match(method, path, query)
		if err != nil || back.Destination != m.Destination || !cmp.Equal(back.Params, m.Params) {
			t.Fatalf("%s %q was read as %v and built %q, read as %v, %v", method, target, m, again, back, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, text := range shop {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(r.String()); err != nil || again.Path() != r.Path() {
			t.Fatalf("%q reads as %q, and then as %v, %v", text, r.Path(), again, err)
		}
		if err := Conflict(r, r); err == nil {
			t.Fatalf("%q: does not conflict with itself", text)
		}
	})
}

func TestAWrongMethodIsNoMissingPath(t *testing.T) {
	_, err := table(t, shop).Match("POST", "/orders/7", "")
	if wrong := new(WrongMethod); !errors.As(err, &wrong) || errors.Is(err, ErrNoPath) {
		t.Errorf("got %v, want a WrongMethod", err)
	}
}
