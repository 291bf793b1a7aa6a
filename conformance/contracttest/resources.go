package contracttest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

func resourceCases() []caseOf {
	return []caseOf{
		{"V025", "A resource is listed page by page, got, made, changed and deleted, whatever the wire; what is not there is NotFound.", []string{"1.1", "4.1"}, []string{"Request"}, resources},
		{"V026", "A reply's header holds what its contract takes from the value, and a caller who wants a format that nobody writes is refused before the handler.", []string{"2.3"}, []string{"Request"}, replyHeaders},
	}
}

// A thing is what the resource holds.
type thing struct {
	ID      string `wire:"id,1"`
	Text    string `wire:"text,2"`
	Version int64  `wire:"version,3"`
}

func thingID(t *thing) *string { return &t.ID }

func thingTag(t *thing) string { return strconv.Quote(strconv.FormatInt(t.Version, 10)) }

// A shelf holds things by their ids.
type shelf struct {
	mu     sync.Mutex
	things map[string]thing
}

func (s *shelf) serve(ctx context.Context, e *env, bus contract.Bus, r *contract.Resource[thing]) {
	e.keep(r.List.Handle(ctx, bus, s.list))
	e.keep(r.Get.Handle(ctx, bus, s.get))
	e.keep(r.Create.Handle(ctx, bus, s.create))
	e.keep(r.Update.Handle(ctx, bus, s.update))
	e.keep(r.Delete.Handle(ctx, bus, s.remove))
}

func (s *shelf) list(_ context.Context, q *contract.Query) (*contract.Page[thing], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page := new(contract.Page[thing])
	for _, id := range sortedKeys(s.things) {
		if id <= q.Token {
			continue
		}
		if len(page.Items) == int(q.Size) && q.Size > 0 {
			page.Next = page.Items[len(page.Items)-1].ID
			return page, nil
		}
		page.Items = append(page.Items, s.things[id])
	}
	return page, nil
}

func sortedKeys(things map[string]thing) []string {
	keys := make([]string, 0, len(things))
	for k := range things {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (s *shelf) get(_ context.Context, r *contract.Ref) (*thing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.things[r.ID]
	if !ok {
		return nil, transport.CodeNotFound.Errorf("there is no such thing")
	}
	return &t, nil
}

func (s *shelf) create(_ context.Context, t *thing) (*thing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	made := thing{ID: "thing-" + strconv.Itoa(len(s.things)+1), Text: t.Text, Version: 1}
	s.things[made.ID] = made
	return &made, nil
}

func (s *shelf) update(_ context.Context, t *thing) (*thing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Version = s.things[t.ID].Version + 1
	s.things[t.ID] = *t
	return t, nil
}

func (s *shelf) remove(_ context.Context, r *contract.Ref) (*contract.None, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.things, r.ID)
	return nil, nil
}

func resources(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	r := contract.NewResource(e.Name("things"), thingID)
	(&shelf{things: make(map[string]thing)}).serve(ctx, e, server, r)
	for _, text := range []string{"a", "b", "c"} {
		made, err := r.Create.On(client).Request(ctx, &thing{Text: text})
		if err != nil {
			return err
		}
		if made.ID == "" || made.Text != text {
			e.Errorf("made %+v of %q", made, text)
		}
	}
	changed, err := r.Update.On(client).Request(ctx, &thing{ID: "thing-2", Text: "B"})
	if err != nil {
		return err
	}
	if want := (thing{"thing-2", "B", 2}); *changed != want {
		e.Errorf("changed to %+v, want %+v", *changed, want)
	}
	if _, err := r.Delete.On(client).Request(ctx, &contract.Ref{ID: "thing-1"}); err != nil {
		return err
	}
	if _, err := r.Get.On(client).Request(ctx, &contract.Ref{ID: "thing-1"}); !errors.Is(err, transport.CodeNotFound) {
		e.Errorf("the deleted one: got %v, want %v", err, transport.CodeNotFound)
	}
	got, err := r.Get.On(client).Request(ctx, &contract.Ref{ID: "thing-2"})
	if err != nil {
		return err
	}
	if *got != *changed {
		e.Errorf("got %+v, want %+v", *got, *changed)
	}
	var ids []string
	for t, err := range r.All(ctx, client, 1) {
		if err != nil {
			return err
		}
		ids = append(ids, t.ID)
	}
	if want := []string{"thing-2", "thing-3"}; !slices.Equal(ids, want) {
		e.Errorf("page by page there are %q, want %q", ids, want)
	}
	return nil
}

func replyHeaders(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	entered := make(chan struct{}, 2)
	method := contract.NewMethod[question, thing](e.Name("ask"), contract.HTTP("POST /ask"), contract.ReplyHeader("etag", thingTag),
		contract.ReplyHeader("location", func(t *thing) string { return t.Text }))
	e.keep(method.Handle(ctx, server, func(context.Context, *question) (*thing, error) {
		entered <- struct{}{}
		return &thing{Version: 7}, nil
	}))
	body, err := e.suite.Codec.Append(nil, &question{ID: "7"})
	if err != nil {
		return err
	}
	msg := &transport.Message{Destination: method.Destination(), ContentType: e.suite.Codec.ContentType(), Body: body}
	reply, err := client.Request(ctx, msg)
	if err != nil {
		return err
	}
	if got := reply.Header.Get("etag"); got != `"7"` || reply.Header.Has("location") {
		e.Errorf("etag is %q, want %q, and no location, which is empty", got, `"7"`)
	}
	take(e, entered, "the handler")
	msg.Accept = "image/png"
	if _, err := client.Request(ctx, msg); !errors.Is(err, transport.CodeInvalidArgument) || len(entered) > 0 {
		e.Errorf("a format that nobody writes: got %v, entered %d times; want %v and no handler", err, len(entered), transport.CodeInvalidArgument)
	}
	return nil
}
