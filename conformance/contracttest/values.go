package contracttest

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// A profile has a field for each kind of the profile that all formats share.
type profile struct {
	Yes     bool              `wire:"yes,1"`
	Small   int8              `wire:"small,2"`
	Least   int64             `wire:"least,3"`
	Most    uint64            `wire:"most,4"`
	Float   float64           `wire:"float,5"`
	Single  float32           `wire:"single,6"`
	Text    string            `wire:"text,7"`
	Bytes   []byte            `wire:"bytes,8"`
	Hash    [4]byte           `wire:"hash,9"`
	At      time.Time         `wire:"at,10"`
	Took    time.Duration     `wire:"took,11"`
	Absent  *string           `wire:"absent,12"`
	Empty   *string           `wire:"empty,13"`
	Strings []string          `wire:"strings,14"`
	Nested  []question        `wire:"nested,15"`
	Map     map[string]answer `wire:"map,16"`
	Counts  map[int32]int32   `wire:"counts,17"`
	None    []string          `wire:"none,18"`
}

func fullProfile() *profile {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return &profile{
		Yes: true, Small: math.MinInt8, Least: math.MinInt64, Most: math.MaxUint64, Float: math.SmallestNonzeroFloat64, Single: math.MaxFloat32,
		Text: "grüß 你好 \u202e\"<&>]]>\\ \t\n\r\x01\x7f \U0001f696", Bytes: all, Hash: [4]byte{0xde, 0xad, 0, 0xff},
		At: time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), Took: math.MinInt64, Empty: new(string),
		Strings: []string{"", "a", "\x00\n"}, Nested: []question{{ID: "1", Tags: []string{"x"}}, {}},
		Map: map[string]answer{"": {}, "ü": {Text: "y"}}, Counts: map[int32]int32{math.MinInt32: 1, 0: 0},
	}
}

// profiles are the values that C108 exchanges, by what they show.
func profiles() map[string]*profile {
	return map[string]*profile{
		"zero":       {},
		"full":       fullProfile(),
		"infinite":   {Float: math.Inf(-1), Single: float32(math.Inf(1))},
		"first year": {At: time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC)},
		"64 KiB":     {Text: strings.Repeat("0123456789abcdef", 4096), Strings: make([]string, 1000)},
		"look-alike": {Text: `{"id":1}<a/>` + "\x00\nEND\r\n\r\n", Bytes: []byte("\r\n\x00\n")},
	}
}

func valueCases() []caseOf {
	return []caseOf{
		{"C108", "Values of every kind of the profile arrive equal in a request and its reply.", []string{"2.4"}, []string{"Request"}, valuesOfRequests},
		{"C109", "Values of every kind arrive equal in a notification.", []string{"2.4"}, []string{"Send"}, valuesOfQueues},
		{"C110", "Values of every kind arrive equal in what is published, at each subscription.", []string{"2.4"}, []string{"Publish"}, valuesOfTopics},
		{"V003", "None is no bytes: a method without parameters and result needs none.", []string{"1.4"}, []string{"Request"}, noValues},
		{"V004", "The key of a message is taken from its value.", []string{"6.1"}, []string{"Send"}, keys},
		{"V005", "Params are written from fields and read into fields, and win over the body.", []string{"2.1"}, []string{"Request"}, params},
		{"V006", "A param that does not fit its field is InvalidArgument, and the handler is not entered.", []string{"2.1"}, []string{"Request"}, badParams},
		{"V007", "A handler reads header, attempt and sender of its message; With sets what is not in the value.", []string{"2.3"}, []string{"Request"}, inboundFields},
	}
}

// differs tells how a value changed on its way.
func differs(want, got *profile) error {
	if math.Float64bits(want.Float) != math.Float64bits(got.Float) {
		return fmt.Errorf("float: got %v, want %v", got.Float, want.Float)
	}
	if want, got := normal(want), normal(got); !reflect.DeepEqual(want, got) {
		return fmt.Errorf("got  %+.2000v\nwant %+.2000v", got, want)
	}
	return nil
}

// normal makes nil of what is empty, as the profile does.
func normal(p *profile) profile {
	n := *p
	if len(n.Bytes) == 0 {
		n.Bytes = nil
	}
	if len(n.Strings) == 0 {
		n.Strings = nil
	}
	if len(n.None) == 0 {
		n.None = nil
	}
	return n
}

func valuesOfRequests(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	method := contract.NewMethod[profile, profile](e.Name("echo"))
	e.keep(method.Handle(ctx, server, func(_ context.Context, in *profile) (*profile, error) { return in, nil }))
	caller := method.On(client)
	for name, in := range profiles() {
		out, err := caller.Request(ctx, in)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := differs(in, out); err != nil {
			e.Errorf("%s: %v", name, err)
		}
		future, err := caller.RequestAsync(ctx, in)
		if err != nil {
			return fmt.Errorf("%s, asynchronously: %w", name, err)
		}
		if out, err = future.Await(ctx); err != nil {
			return fmt.Errorf("%s, asynchronously: %w", name, err)
		}
		if err := differs(in, out); err != nil {
			e.Errorf("%s, asynchronously: %v", name, err)
		}
	}
	return nil
}

func valuesOfQueues(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	queue := contract.NewQueue[profile](e.Name("queue"))
	got := make(chan *profile, len(profiles()))
	e.keep(queue.Handle(ctx, server, func(_ context.Context, in *profile) error {
		got <- in
		return nil
	}))
	sender := queue.On(client)
	for name, in := range profiles() {
		if err := sender.Send(ctx, in); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := differs(in, take(e, got, name)); err != nil {
			e.Errorf("%s: %v", name, err)
		}
	}
	return nil
}

func valuesOfTopics(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	topic := contract.NewTopic[profile](e.Name("topic"))
	var got [2]chan *profile
	for i := range got {
		ch := make(chan *profile, len(profiles()))
		got[i] = ch
		e.keep(topic.Subscribe(ctx, server, func(_ context.Context, in *profile) error {
			ch <- in
			return nil
		}))
	}
	publisher := topic.On(client)
	for name, in := range profiles() {
		if err := publisher.Publish(ctx, in); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for i := range got {
			if err := differs(in, take(e, got[i], name)); err != nil {
				e.Errorf("%s, subscription %d: %v", name, i, err)
			}
		}
	}
	return nil
}

func noValues(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	method := contract.NewMethod[contract.None, contract.None](e.Name("ping"))
	sizes := make(chan int, 2)
	e.keep(method.Handle(ctx, server, func(ctx context.Context, _ *contract.None) (*contract.None, error) {
		sizes <- len(transport.Inbound(ctx).Body)
		return nil, nil
	}))
	for _, in := range []*contract.None{nil, {}} {
		if _, err := method.On(client).Request(ctx, in); err != nil {
			return err
		}
		if n := take(e, sizes, "the handler"); n != 0 {
			e.Errorf("None is %d bytes, want 0", n)
		}
	}
	reply, err := client.Request(ctx, &transport.Message{Destination: method.Destination()})
	if err != nil {
		return err
	}
	if len(reply.Body) != 0 {
		e.Errorf("a reply of None is %d bytes, want 0", len(reply.Body))
	}
	return nil
}

func keys(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	queue := contract.NewQueue[question](e.Name("queue"), contract.KeyOf(func(q *question) string { return q.ID }))
	got := make(chan string, 2)
	e.keep(queue.Handle(ctx, server, func(ctx context.Context, in *question) error {
		got <- in.ID + "=" + transport.Inbound(ctx).Key
		return nil
	}))
	for _, id := range []string{"trip 7", ""} {
		if err := queue.On(client).Send(ctx, &question{ID: id}); err != nil {
			return err
		}
		if pair := take(e, got, id); pair != id+"="+id {
			e.Errorf("got %q, want the id %q as key", pair, id)
		}
	}
	return nil
}

// A search has fields that are params too.
type search struct {
	ID    string    `wire:"id,1"`
	Limit int32     `wire:"limit,2"`
	Since time.Time `wire:"since,3"`
	Open  *bool     `wire:"open,4"`
	Tags  []string  `wire:"tags,5"`
}

func searchMethod(e *env) *contract.Method[search, search] {
	return contract.NewMethod[search, search](e.Name("search"),
		contract.Param("id", func(s *search) *string { return &s.ID }),
		contract.Param("limit", func(s *search) *int32 { return &s.Limit }),
		contract.Param("since", func(s *search) *time.Time { return &s.Since }),
		contract.Param("open", func(s *search) **bool { return &s.Open }),
		contract.Param("tags", func(s *search) *[]string { return &s.Tags }))
}

func params(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	method := searchMethod(e)
	seen := make(chan map[string][]string, 1)
	e.keep(method.Handle(ctx, server, func(ctx context.Context, in *search) (*search, error) {
		seen <- transport.Inbound(ctx).Clone().Params
		return in, nil
	}))
	open := false
	in := &search{ID: "a/b c", Limit: -7, Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Open: &open, Tags: []string{"x", "y=z"}}
	out, err := method.On(client).Request(ctx, in)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(in, out) {
		e.Errorf("got %+v, want %+v", out, in)
	}
	want := map[string][]string{"id": {"a/b c"}, "limit": {"-7"}, "since": {"2026-01-02T03:04:05Z"}, "open": {"false"}, "tags": {"x", "y=z"}}
	got := take(e, seen, "params")
	if !reflect.DeepEqual(want, got) {
		e.Errorf("got params %v, want %v", got, want)
	}
	bodies := map[string]*transport.Message{
		"params alone":         {},
		"params over the body": {ContentType: e.suite.Codec.ContentType(), Body: e.encode(e.suite.Codec, &search{ID: "body", Tags: []string{"body"}})},
	}
	for name, msg := range bodies {
		msg.Destination, msg.Params = method.Destination(), want
		reply, err := client.Request(ctx, msg)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		var out search
		if err := e.suite.Codec.Decode(reply.Body, &out); err != nil || !reflect.DeepEqual(in, &out) {
			e.Errorf("%s: got %+v, %v, want %+v", name, out, err, in)
		}
		take(e, seen, name)
	}
	return nil
}

func badParams(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	method := searchMethod(e)
	e.keep(method.Handle(ctx, server, entered[search, search](e)))
	for name, texts := range map[string][]string{"limit": {secret}, "since": {secret}, "open": {secret}, "id": {"a", "b"}} {
		_, err := client.Request(ctx, &transport.Message{Destination: method.Destination(), Params: map[string][]string{name: texts}})
		if err := code(err, transport.CodeInvalidArgument, name); err != nil {
			return err
		}
		if text := err.Error(); !strings.Contains(text, name) || strings.Contains(text, secret) {
			e.Errorf("the error names the param and not its value: got %v", err)
		}
	}
	return nil
}

func inboundFields(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	method := contract.NewMethod[question, answer](e.Name("ask"))
	e.keep(method.Handle(ctx, server, func(ctx context.Context, in *question) (*answer, error) {
		msg := transport.Inbound(ctx)
		if msg == nil {
			return nil, transport.CodeInternal.Errorf("no inbound message")
		}
		return &answer{Text: fmt.Sprintf("%s %d %s %s", msg.Header.Get("tenant"), msg.Attempt, msg.CorrelationID, msg.ContentType)}, nil
	}))
	caller := method.On(client).With(func(m *transport.Message) {
		m.Header.Set("tenant", "acme")
		m.CorrelationID = "c7"
	})
	out, err := caller.Request(ctx, &question{})
	if err != nil {
		return err
	}
	if want := "acme 1 c7 " + e.suite.Codec.ContentType(); out.Text != want {
		e.Errorf("got %q, want %q", out.Text, want)
	}
	return nil
}
