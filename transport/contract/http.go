package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/polywire/polywire/internal/rest"
	"github.com/polywire/polywire/internal/shape"
	"github.com/polywire/polywire/transport"
)

// HTTP gives a Method or a Queue its verb and path on REST, as "GET
// /orders/{id}?expand": docs/wire/rest.md specifies the rules. Each variable and
// each name of the query is bound by [Param]. Where no body travels, as of GET, every
// field of the request is. Other wires carry the same message without it.
//
// [Service.Paths] tells the rules to transports. A caller whose Accept no codec
// fits is refused before the handler is entered.
func HTTP(rule string) Option {
	return func(s *spec) {
		if s.style != styleMethod && s.style != styleQueue {
			s.reject("HTTP is for Method and Queue: a %s has many receivers", s.style)
			return
		}
		if s.rule != nil {
			s.reject("HTTP is given twice: keep one")
			return
		}
		r, err := rest.Parse(rule)
		if err != nil {
			s.reject("HTTP: %w", err)
			return
		}
		s.rule = r
	}
}

// ReplyHeader takes a field of the header of every reply from its value; an empty
// text is none. On REST "location" makes the answer to a POST or PUT 201 Created, and
// "etag", an entity tag as "\"7\"" with its quotes, answers If-None-Match by 304.
func ReplyHeader[T any](key string, text func(*T) string) Option {
	return func(s *spec) {
		switch {
		case text == nil:
			s.reject("ReplyHeader %.64q: the function is nil", key)
		case !s.answers() || s.reply == nil:
			s.reject("ReplyHeader %.64q: the endpoint has no reply", key)
		case s.reply != typeOf[T]():
			s.reject("ReplyHeader %.64q takes *%s, but replies are *%s: give it a function of that", key, typeOf[T](), s.reply)
		case slices.ContainsFunc(s.replyFields, func(f replyField) bool { return f.key == strings.ToLower(key) }):
			s.reject("ReplyHeader %.64q is given twice: keep one", key)
		case !validKey(key):
			s.reject("ReplyHeader %.64q: a key is [a-z0-9][a-z0-9._-]{0,127} and none of the library's own", key)
		default:
			s.replyFields = append(s.replyFields, replyField{strings.ToLower(key), func(reply any) string { return text(reply.(*T)) }})
		}
	}
}

// A replyField is what ReplyHeader declares.
type replyField struct {
	key  string
	text func(reply any) string
}

func validKey(key string) bool {
	var e transport.Envelope
	return !strings.HasPrefix(strings.ToLower(key), "polywire-") && e.SetField(key, "x") && e.Header.Has(key)
}

// checkRule holds the rule of HTTP against what Param binds, once all options are known.
func (s *spec) checkRule() {
	if s.rule == nil {
		return
	}
	query, more := s.rule.Query()
	for _, p := range s.params {
		if !more && !slices.Contains(query, p.name) && !slices.Contains(s.rule.Vars(), p.name) {
			s.reject("HTTP: param %q has no place in %q: add it to the query, as ?%s", p.name, s.rule, p.name)
		}
	}
	for _, name := range slices.Concat(s.rule.Vars(), query) {
		i := slices.IndexFunc(s.params, func(p param) bool { return p.name == name })
		switch {
		case i < 0:
			s.reject("HTTP: %q of %q is bound to no field: add a Param of that name", name, s.rule)
		case slices.Contains(s.rule.Vars(), name) && s.params[i].shape.Kind == shape.List:
			s.reject("HTTP: %q of the path takes one value: bind it to a field that is no slice", name)
		}
	}
	if n := s.unbound(); n > 0 {
		s.reject("HTTP: %q has no body, and %d fields of *%s are bound by no Param: bind each, or write body=*", s.rule, n, s.request)
	}
}

// unbound counts the fields of a request that would be lost where no body travels.
func (s *spec) unbound() int {
	if s.rule.Body() || s.request == nil {
		return 0
	}
	sh, err := new(shape.Cache).Of(s.request)
	if err != nil || sh.Kind != shape.Struct {
		return 0 // generated messages; the params that are bound are all that a path can say of them
	}
	return len(sh.Fields) - len(s.params)
}

// acceptable refuses a caller who wants the reply in a format that no codec writes, where the contract says how HTTP carries it.
func (p *plan) acceptable(msg *transport.Message) error {
	if p.spec.rule == nil || p.spec.reply == nil || msg.Accept == "" {
		return nil
	}
	if _, ok := p.registry.Accept(msg.Accept); ok {
		return nil
	}
	e := transport.CodeInvalidArgument.Errorf("none of the formats that are wanted for the reply is spoken here; there are %s", p.mediaTypes())
	e.Details = []transport.Detail{{Type: rest.DetailAccept, Data: []byte(p.mediaTypes())}}
	return e
}

// unknownType is the error of a content type that no codec reads.
func (p *plan) unknownType(err error) error {
	e := transport.CodeInvalidArgument.Errorf("%w", err)
	e.Details = []transport.Detail{{Type: rest.DetailContentType, Data: []byte(p.mediaTypes())}}
	return e
}

// mediaTypes lists what the endpoint reads and writes, as Accept does.
func (p *plan) mediaTypes() string {
	var types []string
	for _, name := range p.registry.Names() {
		if codec, err := p.registry.ByName(name); err == nil {
			types = append(types, codec.ContentType())
		}
	}
	return strings.Join(types, ", ")
}

// replyHeader sets what ReplyHeader declares.
func (p *plan) replyHeader(out *transport.Message, value any) {
	for _, f := range p.spec.replyFields {
		if text := f.text(value); text != "" {
			out.Header.Set(f.key, text)
		}
	}
}

// Paths are the rules of HTTP by destination, for the Paths of a [transport.Service];
// nil without one. Package config takes them from its Options.Contracts.
func (s *Service) Paths() map[string]string {
	var paths map[string]string
	for _, own := range s.specs {
		if own.rule == nil {
			continue
		}
		if paths == nil {
			paths = make(map[string]string)
		}
		paths[own.destination] = own.rule.String()
	}
	return paths
}

// checkPaths refuses rules that no request can tell apart.
func (s *Service) checkPaths() error {
	if _, err := rest.ParseTable(s.Paths()); err != nil {
		return fmt.Errorf("service %s: HTTP: %w", named(s.name), err)
	}
	return nil
}

// checkHTTP holds the rules of a document against its params, and against each other.
func (d *Description) checkHTTP() error {
	rules := make(map[string]*rest.Rule)
	for i := range d.Operations {
		o := &d.Operations[i]
		if o.HTTP == "" {
			continue
		}
		r, err := rest.Parse(o.HTTP)
		if err != nil {
			return fmt.Errorf("operation %.64q: %w", o.Destination, err)
		}
		for _, name := range r.Vars() {
			if !slices.ContainsFunc(o.Params, func(p Shape) bool { return p.Name == name }) {
				return fmt.Errorf("operation %.64q: %q of %q is no param", o.Destination, name, r)
			}
		}
		rules[o.Destination] = r
	}
	_, err := rest.NewTable(maps.Clone(rules))
	return err
}
