package openapi

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/polywire/polywire/codecs/schema"
	"github.com/polywire/polywire/internal/rest"
	"github.com/polywire/polywire/transport/contract"
)

// An object is a JSON object; encoding/json sorts its keys.
type object = map[string]any

// A writer collects the parts of one document.
type writer struct {
	paths   object
	names   map[string][]string // variables of each path, by the path without their names
	schemas object
}

// Document writes the OpenAPI 3.1 document of what services offer over HTTP, as JSON:
// the same bytes for the same descriptions. It fails when two operations have one
// path in the eyes of OpenAPI, which knows no patterns of variables.
func Document(services ...*contract.Description) ([]byte, error) {
	w := &writer{paths: object{}, names: map[string][]string{}, schemas: object{"Problem": problemSchema()}}
	var titles []string
	for _, d := range services {
		titles = append(titles, d.Service)
		s, err := w.service(d)
		if err != nil {
			return nil, err
		}
		for i := range d.Operations {
			if err := s.operation(&d.Operations[i]); err != nil {
				return nil, fmt.Errorf("openapi: %s: %w", d.Operations[i].Destination, err)
			}
		}
	}
	doc := object{
		"openapi":    "3.1.1",
		"info":       object{"title": strings.Join(titles, ", "), "version": "1"},
		"paths":      w.paths,
		"components": object{"schemas": w.schemas},
	}
	out, err := json.MarshalIndent(doc, "", "  ")
	return append(out, '\n'), err
}

// problemSchema is that of an error as RFC 9457 writes it, with what polywire adds.
func problemSchema() object {
	text := object{"type": "string"}
	return object{
		"type": "object", "required": []string{"code"},
		"properties": object{
			"title": text, "status": object{"type": "integer"}, "code": object{"type": "string", "description": "one of the sixteen codes of gRPC, as not_found"},
			"detail": text, "reason": text, "retry-after": text,
			"details": object{"type": "array", "items": object{
				"type": "object", "required": []string{"type", "data"},
				"properties": object{"type": text, "data": object{"type": "string", "contentEncoding": "base64"}},
			}},
		},
	}
}

// A service is one description on its way into the document.
type service struct {
	*writer
	d     *contract.Description
	names map[string]string // of its types in the document
}

// service adds the types of d. Types of one name that are not the same get that of their service before it.
func (w *writer) service(d *contract.Description) (*service, error) {
	s := &service{writer: w, d: d, names: map[string]string{}}
	defs := object{}
	if len(d.Types) > 0 {
		whole, err := s.schema(nil)
		if err != nil {
			return nil, fmt.Errorf("openapi: service %s: %w", d.Service, err)
		}
		defs, _ = whole["$defs"].(object)
	}
	own := object{}
	for name, def := range defs {
		as := unsafeInName.ReplaceAllString(name, "_")
		if other := w.schemas[as]; other != nil && !reflect.DeepEqual(other, def) || own[as] != nil {
			as = unsafeInName.ReplaceAllString(d.Service+"."+name, "_")
		}
		s.names[name], own[as] = as, def
	}
	for as, def := range own {
		if other := w.schemas[as]; other != nil && !reflect.DeepEqual(other, def) {
			return nil, fmt.Errorf("openapi: service %s: two types are called %s: rename one", d.Service, as)
		}
		s.refer(def)
		w.schemas[as] = def
	}
	return s, nil
}

var unsafeInName = regexp.MustCompile(`[^A-Za-z0-9._-]`)

// schema is that of t, whose references do not lead into the document yet.
func (s *service) schema(t *schema.Type) (object, error) {
	text, err := s.d.Types.JSONSchema(t)
	if err != nil {
		return nil, err
	}
	var out object
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, err
	}
	delete(out, "$schema")
	return out, nil
}

// inline is the schema of t within the document.
func (s *service) inline(t *schema.Type) (object, error) {
	out, err := s.schema(t)
	if err != nil {
		return nil, err
	}
	delete(out, "$defs")
	s.refer(out)
	return out, nil
}

const defs = "#/$defs/"

// refer turns references to $defs, wherever they stand in v, into those to the document's schemas.
func (s *service) refer(v any) {
	switch v := v.(type) {
	case object:
		if ref, ok := v["$ref"].(string); ok && strings.HasPrefix(ref, defs) {
			v["$ref"] = "#/components/schemas/" + s.names[unpointer(ref[len(defs):])]
		}
		for _, part := range v {
			s.refer(part)
		}
	case []any:
		for _, part := range v {
			s.refer(part)
		}
	}
}

// where says by what verb and path an operation is called, and whether a body travels.
func where(o *contract.Operation) (rule *rest.Rule, err error) {
	if o.HTTP != "" {
		return rest.Parse(o.HTTP)
	}
	face := map[string]string{"method": "request", "queue": "send", "topic": "publish", "survey": "gather"}[o.Style]
	return rest.Parse("POST /" + face + "/" + o.Destination)
}

// put gives verb and path to an operation.
func (s *service) put(verb, path string, operation object) error {
	item, _ := s.paths[path].(object)
	if item == nil {
		item = object{}
		s.paths[path] = item
	}
	if item[strings.ToLower(verb)] != nil {
		return fmt.Errorf("%s %s is another operation's in OpenAPI: choose another path", verb, path)
	}
	item[strings.ToLower(verb)] = operation
	return nil
}

func (s *service) operation(o *contract.Operation) error {
	rule, err := where(o)
	if err != nil {
		return err
	}
	path, rename := s.place(rule)
	out := object{"operationId": o.Destination, "tags": []string{s.d.Service}, "summary": summary(o)}
	parameters, err := s.parameters(o, rule, rename)
	if err != nil {
		return err
	}
	if len(parameters) > 0 {
		out["parameters"] = parameters
	}
	if o.Request != nil && rule.Body() {
		body, err := s.inline(o.Request)
		if err != nil {
			return err
		}
		out["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": body}}}
	}
	if out["responses"], err = s.responses(o, rule); err != nil {
		return err
	}
	if err := s.put(rule.Verb(), path, out); err != nil || o.Style != "topic" {
		return err
	}
	return s.subscription(o)
}

func summary(o *contract.Operation) string {
	text := map[string]string{"method": "is answered by one handler", "queue": "is handled once, without an answer", "topic": "reaches every subscriber", "survey": "is answered by every subscriber"}[o.Style]
	if o.Idempotent {
		text += "; doing it twice does no harm"
	}
	return o.Destination + " " + text
}

var braces = regexp.MustCompile(`\{[^}]*\}`)

// place is the path of a rule. OpenAPI wants one name for a variable at one place, whatever rules call it: the first rule's.
func (s *service) place(rule *rest.Rule) (path string, rename map[string]string) {
	path, rename = rule.Path(), map[string]string{}
	bare := braces.ReplaceAllString(path, "{}")
	names := s.writer.names[bare]
	if names == nil {
		names = rule.Vars()
		s.writer.names[bare] = names
	}
	i := -1
	path = braces.ReplaceAllStringFunc(path, func(string) string { i++; return "{" + names[i] + "}" })
	for i, name := range rule.Vars() {
		rename[name] = names[i]
	}
	return path, rename
}

func (s *service) parameters(o *contract.Operation, rule *rest.Rule, rename map[string]string) ([]object, error) {
	var out []object
	query, more := rule.Query()
	for i := range o.Params {
		p := o.Params[i]
		sch, err := s.inline(&p)
		if err != nil {
			return nil, err
		}
		one := object{"name": p.Name, "in": "query", "schema": sch}
		switch {
		case slices.Contains(rule.Vars(), p.Name):
			one["name"], one["in"], one["required"] = rename[p.Name], "path", true
			if !rule.Single(p.Name) {
				one["description"] = "several segments, with slashes between, as " + rule.String() + " has it"
			}
		case o.HTTP == "" || !more && !slices.Contains(query, p.Name):
			continue // POST /request/NAME takes them in the field Polywire-Param
		}
		out = append(out, one)
	}
	if condition := conditionOf(o, rule); condition != "" {
		out = append(out, object{"name": condition, "in": "header", "schema": object{"type": "string"}, "description": "entity tags, as \"7\" with the quotes"})
	}
	return out, nil
}

// conditionOf is the field by which a caller says which version it has.
func conditionOf(o *contract.Operation, rule *rest.Rule) string {
	switch {
	case o.HTTP == "" || !slices.Contains(o.ReplyHeader, "etag"):
		return ""
	case rule.Verb() == "GET":
		return "If-None-Match"
	case rule.Verb() == "PUT" || rule.Verb() == "PATCH":
		return "If-Match"
	}
	return ""
}

func unpointer(name string) string {
	for _, pair := range [...][2]string{{"~1", "/"}, {"~0", "~"}} {
		name = strings.ReplaceAll(name, pair[0], pair[1])
	}
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}
