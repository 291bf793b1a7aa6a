package httpwire

import (
	"maps"
	"slices"
	"strings"

	"github.com/polywire/polywire/internal/rest"
	"github.com/polywire/polywire/transport"
)

const (
	prefer      = "Prefer"
	respondSoon = "respond-async" // of prefer: the answer is not waited for (RFC 7240)
)

// A nativeField is on REST HTTP's own, by this name, and in a message the application's.
type nativeField string

const (
	etag        nativeField = "Etag"
	location    nativeField = "Location"
	ifMatch     nativeField = "If-Match"
	ifNoneMatch nativeField = "If-None-Match"
)

// key is the name in a message.
func (f nativeField) key() string {
	switch f {
	case etag:
		return "etag"
	case location:
		return "location"
	case ifMatch:
		return "if-match"
	default:
		return "if-none-match"
	}
}

// A restTable holds the rules by which destinations are verbs and paths.
type restTable struct {
	served *rest.Table           // those of this process, and where its documents are
	some   bool                  // the table of services has rules for this process
	called map[string]*rest.Rule // by destination, those whose home is another process
}

// newRestTable sorts the rules of the table of services by where their destinations live.
// local says of which destinations this process is the home.
func newRestTable(services []transport.Service, local func(destination string) bool) (*restTable, error) {
	t := &restTable{called: make(map[string]*rest.Rule)}
	own := make(map[string]*rest.Rule)
	for i := range services {
		for _, d := range slices.Sorted(maps.Keys(services[i].Paths)) {
			rule, err := rest.Parse(services[i].Paths[d])
			switch {
			case err != nil:
				return nil, invalid("service %s: paths: %s: %w", services[i].Name, d, err)
			case !local(d):
				t.called[d] = rule
			case reservedPath(rule.Path()):
				return nil, invalid("service %s: paths: %s: %q is a path of the node itself: choose another", services[i].Name, d, rule)
			default:
				own[d] = rule
			}
		}
	}
	t.some = len(own) > 0
	addDocument(own, rest.OpenAPI, "GET /openapi.json")
	addDocument(own, rest.TryIt, "GET /try")
	var err error
	if t.served, err = rest.NewTable(own); err != nil {
		return nil, invalid("paths: %w", err)
	}
	return t, nil
}

// addDocument gives a document of the node its path, unless the services want that for themselves.
func addDocument(own map[string]*rest.Rule, destination, text string) {
	rule, err := rest.Parse(text)
	if err != nil {
		return // the texts are above
	}
	for _, other := range own {
		if rest.Conflict(rule, other) != nil {
			return
		}
	}
	own[destination] = rule
}

// reservedPath reports whether a path begins as those of the node itself do.
func reservedPath(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	serve, _ := new(visit).verb(first)
	return serve != nil
}

// takeNative reads the fields that on REST are HTTP's own.
func takeNative(values func(name string) []string, e *transport.Envelope, fields ...nativeField) {
	for _, f := range fields {
		e.Header.Del(f.key()) // also what came in the list
		if v := strings.Join(values(string(f)), ", "); v != "" {
			e.SetField(f.key(), v) // what is no valid field is left out
		}
	}
}

// matches reports whether a list of entity tags, as of If-None-Match, has tag; weakness does not count.
func matches(list, tag string) bool {
	if tag == "" {
		return false
	}
	if strings.TrimSpace(list) == "*" {
		return true
	}
	tag = strings.TrimPrefix(tag, "W/")
	for one := range strings.SplitSeq(list, ",") {
		if strings.TrimPrefix(strings.TrimSpace(one), "W/") == tag {
			return true
		}
	}
	return false
}
