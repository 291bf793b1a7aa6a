package contract

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/polywire/polywire/internal/rest"
	"github.com/polywire/polywire/transport"
)

// A Resource is a collection of T with the operations of REST, each a [Method] on any
// transport: NAME.list, NAME.get, NAME.create, NAME.update and NAME.delete. On REST, NAME
// with slashes for dots is the path, as /shop/orders and /shop/orders/{id}.
//
// Both sides use the methods as they would any other. A handler may read If-Match by
// [transport.Inbound], and answers CodeFailedPrecondition or CodeAborted where it fails.
type Resource[T any] struct {
	List   *Method[Query, Page[T]] // GET /NAME; idempotent
	Get    *Method[Ref, T]         // GET /NAME/{id}; idempotent
	Create *Method[T, T]           // POST /NAME; the reply is what was made, with its id
	Update *Method[T, T]           // PUT /NAME/{id}; idempotent
	Delete *Method[Ref, None]      // DELETE /NAME/{id}; idempotent
}

// A Ref names one thing of a [Resource].
type Ref struct {
	ID string `wire:"id,1"`
}

// A Query asks for a page of a [Resource]: at most Size things, 0 being as many as
// the service likes, from where Token, the Next of the page before, says; empty is the first.
type Query struct {
	Size  int32  `wire:"page_size,1"`
	Token string `wire:"page_token,2"`
}

// A Page is some of the things of a [Resource]. Next asks for those that follow; empty is the end.
type Page[T any] struct {
	Items []T    `wire:"items,1"`
	Next  string `wire:"next_page_token,2"`
}

// NewResource declares a resource. id returns the address of the field that holds a
// thing's id, which one segment of a path can say. Each of opts applies to those operations whose
// types it fits, as Fails to all, and ReplyHeader of T to Get, Create and Update.
func NewResource[T any](name string, id func(*T) *string, opts ...Option) *Resource[T] {
	path := "/" + strings.ReplaceAll(name, ".", "/")
	r := &Resource[T]{
		List: NewMethod[Query, Page[T]](name+".list", Idempotent(), HTTP("GET "+path+"?page_size&page_token"),
			Param("page_size", func(q *Query) *int32 { return &q.Size }), Param("page_token", func(q *Query) *string { return &q.Token })),
		Get:    NewMethod[Ref, T](name+".get", Idempotent(), HTTP("GET "+path+"/{id}"), refID()),
		Create: NewMethod[T, T](name+".create", HTTP("POST "+path)),
		Update: NewMethod[T, T](name+".update", Idempotent(), HTTP("PUT "+path+"/{id}"), Param("id", id)),
		Delete: NewMethod[Ref, None](name+".delete", Idempotent(), HTTP("DELETE "+path+"/{id}"), refID()),
	}
	if id != nil {
		ReplyHeader("location", func(t *T) string { return locationOf(r.Get.s.rule, *id(t)) })(r.Create.s)
		KeyOf(func(t *T) string { return *id(t) })(r.Update.s)
		KeyOf(func(ref *Ref) string { return ref.ID })(r.Delete.s)
	}
	for _, opt := range opts {
		r.apply(opt)
	}
	return r
}

func refID() Option { return Param("id", func(r *Ref) *string { return &r.ID }) }

// locationOf is the path of the thing of that id; empty where it has none.
func locationOf(rule *rest.Rule, id string) string {
	if rule == nil {
		return ""
	}
	path, err := rule.Build(map[string][]string{"id": {id}})
	if err != nil {
		return ""
	}
	return path
}

// apply gives opt to the operations that it fits, and reports it where it fits none.
func (r *Resource[T]) apply(opt Option) {
	fits := false
	specs := []*spec{r.List.s, r.Get.s, r.Create.s, r.Update.s, r.Delete.s}
	var problems []error
	for _, s := range specs {
		before := len(s.problems)
		opt(s)
		fits = fits || len(s.problems) == before
		if problems == nil {
			problems = s.problems[before:]
		}
		s.problems = s.problems[:before:before]
	}
	if !fits {
		r.List.s.problems = append(r.List.s.problems, problems...)
	}
}

// Endpoints are the five methods, for [NewService].
func (r *Resource[T]) Endpoints() []Endpoint {
	return []Endpoint{r.List, r.Get, r.Create, r.Update, r.Delete}
}

// All yields every thing, asking for pages of so many at a time; 0 leaves that to
// the service. It ends with the first error. Breaking off asks for no more.
func (r *Resource[T]) All(ctx context.Context, bus Bus, size int32, opts ...transport.CallOption) iter.Seq2[*T, error] {
	list := r.List.On(bus)
	return func(yield func(*T, error) bool) {
		q := Query{Size: size}
		for {
			page, err := list.Request(ctx, &q, opts...)
			if err == nil && page.Next != "" && page.Next == q.Token {
				err = list.p.fail("request", transport.CodeInternal, errors.New("the page names itself as the next one"))
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range page.Items {
				if !yield(&page.Items[i], nil) {
					return
				}
			}
			if q.Token = page.Next; q.Token == "" {
				return
			}
		}
	}
}
