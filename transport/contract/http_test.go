package contract_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polywire/polywire/adapters/httpwire"
	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/all"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

type ware struct {
	ID      string `json:"id" wire:"id,1"`
	Item    string `json:"item" wire:"item,2"`
	Version int    `json:"version" wire:"version,3"`
}

// Stale is the failure of a change that was made from an older version.
type Stale struct {
	Reason string `wire:"reason,1"`
}

func (s Stale) Error() string { return s.Reason }

func orderID(o *ware) *string { return &o.ID }

func orderTag(o *ware) string { return strconv.Quote("v" + strconv.Itoa(o.Version)) }

// orders is a resource with entity tags.
var orders = contract.NewResource("orders", orderID, contract.ReplyHeader("etag", orderTag), contract.Fails[Stale](transport.CodeFailedPrecondition))

// A store holds orders in memory, in the ware of their ids.
type store struct {
	mu   sync.Mutex
	byID map[string]ware
}

func serveOrders(t testing.TB, bus contract.Bus) *store {
	t.Helper()
	s := &store{byID: make(map[string]ware)}
	ctx := t.Context()
	for _, handle := range []func() (*transport.Subscription, error){
		func() (*transport.Subscription, error) { return orders.List.Handle(ctx, bus, s.list) },
		func() (*transport.Subscription, error) { return orders.Get.Handle(ctx, bus, s.get) },
		func() (*transport.Subscription, error) { return orders.Create.Handle(ctx, bus, s.create) },
		func() (*transport.Subscription, error) { return orders.Update.Handle(ctx, bus, s.update) },
		func() (*transport.Subscription, error) { return orders.Delete.Handle(ctx, bus, s.remove) },
	} {
		_, err := handle()
		must(t, err)
	}
	return s
}

func (s *store) list(_ context.Context, q *contract.Query) (*contract.Page[ware], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for id := range s.byID {
		if id > q.Token {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	page := new(contract.Page[ware])
	for _, id := range ids {
		if q.Size > 0 && len(page.Items) == int(q.Size) {
			page.Next = page.Items[len(page.Items)-1].ID
			break
		}
		page.Items = append(page.Items, s.byID[id])
	}
	return page, nil
}

func (s *store) get(_ context.Context, r *contract.Ref) (*ware, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.byID[r.ID]
	if !ok {
		return nil, transport.CodeNotFound.Errorf("no order %q", r.ID)
	}
	return &o, nil
}

func (s *store) create(_ context.Context, o *ware) (*ware, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	made := *o
	if made.ID == "" {
		made.ID = strconv.Itoa(len(s.byID) + 1)
	}
	if _, there := s.byID[made.ID]; there {
		return nil, transport.CodeAlreadyExists.Errorf("order %q exists", made.ID)
	}
	made.Version = 1
	s.byID[made.ID] = made
	return &made, nil
}

func (s *store) update(ctx context.Context, o *ware) (*ware, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.byID[o.ID]
	if !ok {
		return nil, transport.CodeNotFound.Errorf("no order %q", o.ID)
	}
	if tag := transport.Inbound(ctx).Header.Get("if-match"); tag != "" && tag != orderTag(&old) {
		return nil, Stale{"it has changed"}
	}
	o.Version = old.Version + 1
	s.byID[o.ID] = *o
	return o, nil
}

func (s *store) remove(_ context.Context, r *contract.Ref) (*contract.None, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.byID[r.ID]; !ok {
		return nil, transport.CodeNotFound.Errorf("no order %q", r.ID)
	}
	delete(s.byID, r.ID)
	return nil, nil
}

var orderService = contract.NewService("shop", orders.Endpoints()...)

// overREST opens a node that serves orders, and a client that calls it by verbs and paths.
func overREST(t testing.TB) (url string, server, client contract.Bus) {
	t.Helper()
	return overRESTIn(t, jsoncodec.New(), gobCodec{})
}

// overRESTIn is overREST whose client writes codec.
func overRESTIn(t testing.TB, codec codecs.Codec, more ...codecs.Codec) (url string, server, client contract.Bus) {
	t.Helper()
	must(t, orderService.Err())
	open := func(raw string, s transport.Service) *transport.Conn {
		conn, err := transport.NewRegistry(httpwire.Factory()).Open(t.Context(), raw, transport.WithService("", s))
		must(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	node := open("http://?listen=127.0.0.1:0", transport.Service{Name: "shop", Paths: orderService.Paths()})
	caller := open("http://", transport.Service{Name: "shop", Owns: []string{"orders.>"}, Endpoints: []string{node.Addr()}, Paths: orderService.Paths()})
	return "http://" + node.Addr(), use(t, node, codec, more...), use(t, caller, codec, more...)
}

// A resource means the same over any transport.
func TestAResourceIsListedGotMadeChangedAndDeleted(t *testing.T) {
	for name, buses := range map[string]func(t *testing.T) (server, client contract.Bus){
		"in process": func(t *testing.T) (contract.Bus, contract.Bus) { b := newBus(t); return b, b },
		"REST":       func(t *testing.T) (contract.Bus, contract.Bus) { _, s, c := overREST(t); return s, c },
	} {
		t.Run(name, func(t *testing.T) {
			server, bus := buses(t)
			serveOrders(t, server)
			resourceLife(t, bus)
		})
	}
}

func TestAResourceSpeaksEveryFormatByREST(t *testing.T) {
	for _, codec := range all.Codecs() {
		t.Run(codec.Name(), func(t *testing.T) {
			_, server, client := overRESTIn(t, codec)
			serveOrders(t, server)
			resourceLife(t, client)
		})
	}
}

func resourceLife(t *testing.T, bus contract.Bus) {
	ctx := t.Context()
	for _, item := range []string{"tea", "salt", "rice", "oil", "flour"} {
		made, err := orders.Create.On(bus).Request(ctx, &ware{Item: item})
		must(t, err)
		if made.Item != item || made.ID == "" || made.Version != 1 {
			t.Errorf("made %+v of %s", made, item)
		}
	}
	_, err := orders.Create.On(bus).Request(ctx, &ware{ID: "1"})
	if !errors.Is(err, transport.CodeAlreadyExists) {
		t.Errorf("twice: got %v, want %v", err, transport.CodeAlreadyExists)
	}
	got, err := orders.Get.On(bus).Request(ctx, &contract.Ref{ID: "2"})
	must(t, err)
	stale := orders.Update.On(bus).With(func(m *transport.Message) { m.Header.Set("if-match", `"v9"`) })
	_, err = stale.Request(ctx, &ware{ID: "2", Item: "pepper"})
	var refused Stale
	if !errors.As(err, &refused) || !errors.Is(err, transport.CodeFailedPrecondition) {
		t.Errorf("a stale update: got %v, want Stale", err)
	}
	fresh := orders.Update.On(bus).With(func(m *transport.Message) { m.Header.Set("if-match", orderTag(got)) })
	changed, err := fresh.Request(ctx, &ware{ID: "2", Item: "pepper"})
	must(t, err)
	if d := cmp.Diff(&ware{"2", "pepper", 2}, changed); d != "" {
		t.Errorf("changed: -want +got\n%s", d)
	}
	_, err = orders.Delete.On(bus).Request(ctx, &contract.Ref{ID: "3"})
	must(t, err)
	if _, err = orders.Get.On(bus).Request(ctx, &contract.Ref{ID: "3"}); !errors.Is(err, transport.CodeNotFound) {
		t.Errorf("deleted: got %v, want %v", err, transport.CodeNotFound)
	}
	for _, size := range []int32{0, 1, 2, 4, 100} {
		var ids []string
		for o, err := range orders.All(ctx, bus, size) {
			must(t, err)
			ids = append(ids, o.ID)
		}
		if d := cmp.Diff([]string{"1", "2", "4", "5"}, ids); d != "" {
			t.Errorf("pages of %d: -want +got\n%s", size, d)
		}
	}
	for range orders.All(ctx, bus, 1) {
		break
	}
}

func TestAllEndsWithTheFirstError(t *testing.T) {
	ctx, bus := t.Context(), newBus(t)
	calls := 0
	_, err := orders.List.Handle(ctx, bus, func(context.Context, *contract.Query) (*contract.Page[ware], error) {
		calls++
		return &contract.Page[ware]{Items: []ware{{ID: "1"}}, Next: "same"}, nil
	})
	must(t, err)
	var failed error
	for _, err := range orders.All(ctx, bus, 1) {
		failed = err
	}
	if !errors.Is(failed, transport.CodeInternal) || calls != 2 {
		t.Errorf("a page that names itself: got %v after %d calls, want %v after 2", failed, calls, transport.CodeInternal)
	}
}

func do(t testing.TB, method, url, body string, fields ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	must(t, err)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Set(name, value)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp, string(text)
}

// A stranger drives the resource by HTTP alone, in every format that the service speaks.
func TestAStrangerUsesAResourceByHTTP(t *testing.T) {
	url, server, _ := overREST(t)
	serveOrders(t, server)
	for i, c := range []struct {
		request, body string
		fields        []string
		status        int
		want          string
		headers       map[string]string
	}{
		{"POST /orders", `{"item":"tea"}`, []string{"Content-Type: application/json"}, 201, `{"id":"1","item":"tea","version":1}`, map[string]string{"Location": "/orders/1", "Etag": `"v1"`}},
		{"GET /orders/1", "", nil, 200, `{"id":"1","item":"tea","version":1}`, map[string]string{"Content-Type": "application/json", "Etag": `"v1"`}},
		{"GET /orders/1", "", []string{`If-None-Match: "v1"`}, 304, "", nil},
		{"HEAD /orders/1", "", nil, 200, "", map[string]string{"Etag": `"v1"`, "Content-Length": "35"}},
		{"GET /orders/1", "", []string{"Accept: application/x-gob"}, 200, "ware", map[string]string{"Content-Type": "application/x-gob"}},
		{"GET /orders/1", "", []string{"Accept: image/png"}, 406, "none of the formats", nil},
		{"PUT /orders/1", `{"item":"salt"}`, []string{"Content-Type: application/json", `If-Match: "v0"`}, 412, "it has changed", nil},
		{"PUT /orders/1", `{"id":"9","item":"salt"}`, []string{"Content-Type: application/json", `If-Match: "v1"`}, 200, `{"id":"1","item":"salt","version":2}`, map[string]string{"Etag": `"v2"`}},
		{"PUT /orders/1", "x", []string{"Content-Type: image/png"}, 415, "", map[string]string{"Accept": "application/x-gob, application/json"}},
		{"PUT /orders/1", `{`, []string{"Content-Type: application/json"}, 400, "cannot be read", nil},
		{"GET /orders?page_size=1", "", nil, 200, `{"items":[{"id":"1","item":"salt","version":2}],"next_page_token":""}`, nil},
		{"GET /orders?page_size=many", "", nil, 400, `param \"page_size\"`, nil},
		{"DELETE /orders/1", "", nil, 204, "", nil},
		{"DELETE /orders/1", "", nil, 404, "no order", nil},
	} {
		method, target, _ := strings.Cut(c.request, " ")
		resp, body := do(t, method, url+target, c.body, c.fields...)
		if resp.StatusCode != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%d %s %v: got %d %s, want %d %s", i, c.request, c.fields, resp.StatusCode, body, c.status, c.want)
		}
		for name, want := range c.headers {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%d %s: %s is %q, want %q", i, c.request, name, got, want)
			}
		}
	}
}

func TestATypedClientCallsAForeignService(t *testing.T) {
	var asked string
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.RequestURI
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		fmt.Fprint(w, `{"items":[{"id":"a","item":"tea","version":3}],"next_page_token":"","total":1}`)
	}))
	defer foreign.Close()
	conn, err := transport.NewRegistry(httpwire.Factory()).Open(t.Context(), "http://", transport.WithService("", transport.Service{
		Name: "shop", Owns: []string{"orders.>"}, Endpoints: []string{strings.TrimPrefix(foreign.URL, "http://")}, Paths: orderService.Paths(),
	}))
	must(t, err)
	defer conn.Close()
	page, err := orders.List.On(use(t, conn, jsoncodec.New())).Request(t.Context(), &contract.Query{Size: 5})
	must(t, err)
	if d := cmp.Diff(&contract.Page[ware]{Items: []ware{{"a", "tea", 3}}}, page); d != "" || asked != "GET /orders?page_size=5" {
		t.Errorf("asked %s: -want +got\n%s", asked, d)
	}
}

func TestMistakesInRulesOfHTTP(t *testing.T) {
	id := contract.Param("id", func(r *contract.Ref) *string { return &r.ID })
	for _, tc := range []struct {
		endpoint contract.Endpoint
		want     string
	}{
		{contract.NewTopic[event]("a", contract.HTTP("GET /a")), `topic a: HTTP is for Method and Queue: a topic has many receivers`},
		{contract.NewQueue[event]("a", contract.HTTP("POST a")), `queue a: HTTP: rule "POST a": write a verb of GET, POST, PUT, PATCH and DELETE and a path, as GET /orders/{id}?expand`},
		{contract.NewQueue[event]("a", contract.HTTP("POST /a"), contract.HTTP("POST /b")), `queue a: HTTP is given twice: keep one`},
		{contract.NewMethod[contract.Ref, event]("a", contract.HTTP("POST /a/{id}")), `method a: HTTP: "id" of "POST /a/{id}" is bound to no field: add a Param of that name`},
		{contract.NewMethod[contract.Ref, event]("a", contract.HTTP("GET /a"), id), `method a: HTTP: param "id" has no place in "GET /a": add it to the query, as ?id`},
		{contract.NewMethod[contract.Ref, event]("a", contract.HTTP("GET /a?x"), contract.Param("x", func(r *contract.Ref) *string { return &r.ID }), id), `method a: HTTP: param "id" has no place in "GET /a?x": add it to the query, as ?id`},
		{contract.NewMethod[event, event]("a", contract.HTTP("GET /a")), `method a: HTTP: "GET /a" has no body, and 2 fields of *contract_test.event are bound by no Param: bind each, or write body=*`},
		{contract.NewMethod[find, event]("a", contract.HTTP("POST /a/{tags}"), contract.Param("tags", func(f *find) *[]string { return &f.Tags })), `method a: HTTP: "tags" of the path takes one value: bind it to a field that is no slice`},
		{contract.NewQueue[event]("a", contract.ReplyHeader("etag", orderTag)), `queue a: ReplyHeader "etag": the endpoint has no reply`},
		{contract.NewMethod[event, event]("a", contract.ReplyHeader("etag", orderTag)), `method a: ReplyHeader "etag" takes *contract_test.ware, but replies are *contract_test.event: give it a function of that`},
		{contract.NewMethod[event, ware]("a", contract.ReplyHeader("polywire-id", orderTag)), `method a: ReplyHeader "polywire-id": a key is [a-z0-9][a-z0-9._-]{0,127} and none of the library's own`},
		{contract.NewMethod[event, ware]("a", contract.ReplyHeader("etag", orderTag), contract.ReplyHeader("ETag", orderTag)), `method a: ReplyHeader "ETag" is given twice: keep one`},
		{contract.NewMethod[event, ware]("a", contract.ReplyHeader[ware]("etag", nil)), `method a: ReplyHeader "etag": the function is nil`},
	} {
		err := contract.NewService("s", tc.endpoint).Err()
		if e := wantCode(t, err, transport.CodeInvalidArgument); e.Message != tc.want {
			t.Errorf("got  %s\nwant %s", e.Message, tc.want)
		}
	}
	twice := contract.NewService("s", contract.NewQueue[event]("a", contract.HTTP("POST /x")), contract.NewQueue[event]("b", contract.HTTP("POST /x")))
	if err := twice.Err(); err == nil || !strings.Contains(err.Error(), "are the same") {
		t.Errorf("two on one path: got %v", err)
	}
	misfit := contract.NewResource("orders", orderID, contract.KeyOf(func(e *event) string { return e.Trip }))
	if err := contract.NewService("s", misfit.Endpoints()...).Err(); err == nil || !strings.Contains(err.Error(), "KeyOf takes *contract_test.event") {
		t.Errorf("an option that fits none: got %v", err)
	}
}

func TestADescriptionTellsTheRulesOfHTTP(t *testing.T) {
	d, err := orderService.Describe()
	must(t, err)
	doc, err := d.JSON()
	must(t, err)
	again, err := contract.ParseDescription(doc)
	must(t, err)
	got := again.Operation("orders.create")
	if got.HTTP != "POST /orders" || !slices.Equal(got.ReplyHeader, []string{"location", "etag"}) {
		t.Errorf("got %q and %q", got.HTTP, got.ReplyHeader)
	}
	for _, bad := range []string{`"http": "GET orders"`, `"http": "GET /orders/{other}"`, `"http": "GET /orders"`} {
		broken := strings.Replace(string(doc), `"http": "GET /orders/{id}"`, bad, 1)
		if bad == `"http": "GET /orders"` {
			broken = strings.Replace(string(doc), `"http": "GET /orders/{id}"`, `"http": "GET /orders?id"`, 1)
		}
		if _, err := contract.ParseDescription([]byte(broken)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
