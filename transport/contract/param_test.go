package contract_test

import (
	"context"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

type level string

// hex is a type with a text of its own.
type hex struct{ n int }

func (h hex) MarshalText() ([]byte, error) { return []byte(strings.Repeat("x", h.n)), nil }
func (h *hex) UnmarshalText(b []byte) error {
	h.n = len(b)
	return nil
}

type find struct {
	ID     string        `json:"id"`
	Level  level         `json:"level"`
	Limit  int8          `json:"limit"`
	Page   uint16        `json:"page"`
	Near   float64       `json:"near"`
	All    bool          `json:"all"`
	Since  time.Time     `json:"since"`
	Within time.Duration `json:"within"`
	Hex    hex           `json:"hex"`
	Open   *bool         `json:"open"`
	Tags   []string      `json:"tags"`
	Nums   []int         `json:"nums"`
}

var finder = contract.NewMethod[find, find]("test.find",
	contract.Param("id", func(f *find) *string { return &f.ID }),
	contract.Param("level", func(f *find) *level { return &f.Level }),
	contract.Param("limit", func(f *find) *int8 { return &f.Limit }),
	contract.Param("page", func(f *find) *uint16 { return &f.Page }),
	contract.Param("near", func(f *find) *float64 { return &f.Near }),
	contract.Param("all", func(f *find) *bool { return &f.All }),
	contract.Param("since", func(f *find) *time.Time { return &f.Since }),
	contract.Param("within", func(f *find) *time.Duration { return &f.Within }),
	contract.Param("hex", func(f *find) *hex { return &f.Hex }),
	contract.Param("open", func(f *find) **bool { return &f.Open }),
	contract.Param("tags", func(f *find) *[]string { return &f.Tags }),
	contract.Param("nums", func(f *find) *[]int { return &f.Nums }),
)

func TestParamsAreBoundBothWays(t *testing.T) {
	ctx, conn := t.Context(), open(t)
	bus := use(t, conn, jsoncodec.New())
	params := make(chan url.Values, 1)
	_, err := finder.Handle(ctx, bus, func(ctx context.Context, in *find) (*find, error) {
		params <- transport.Inbound(ctx).Clone().Params
		return in, nil
	})
	must(t, err)
	yes := true
	in := &find{
		ID: "ü 7", Level: "high", Limit: -3, Page: 9, Near: math.Copysign(0, -1), All: true, Since: time.Date(2026, 11, 24, 5, 0, 0, 7, time.UTC),
		Within: time.Second, Hex: hex{3}, Open: &yes, Tags: []string{"a", "", "b,c"}, Nums: []int{1, -1},
	}
	out, err := finder.On(bus).Request(ctx, in)
	must(t, err)
	want := url.Values{
		"id": {"ü 7"}, "level": {"high"}, "limit": {"-3"}, "page": {"9"}, "near": {"-0"}, "all": {"true"}, "since": {"2026-11-24T05:00:00.000000007Z"},
		"within": {"1000000000"}, "hex": {"xxx"}, "open": {"true"}, "tags": {"a", "", "b,c"}, "nums": {"1", "-1"},
	}
	got := <-params
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("on the wire: %s", diff)
	}
	equal := cmp.AllowUnexported(hex{})
	if diff := cmp.Diff(in, out, equal); diff != "" {
		t.Errorf("round trip: %s", diff)
	}
	// A foreign caller may send params alone, as of a GET.
	reply, err := conn.Request(ctx, &transport.Message{Destination: "test.find", Params: got})
	must(t, err)
	var back find
	must(t, jsoncodec.New().Decode(reply.Body, &back))
	if diff := cmp.Diff(in, &back, equal); diff != "" {
		t.Errorf("params alone: %s", diff)
	}
	<-params
	// What is empty is not written; the body says it.
	out, err = finder.On(bus).Request(ctx, &find{})
	must(t, err)
	empty := url.Values{"limit": {"0"}, "page": {"0"}, "near": {"0"}, "all": {"false"}, "since": {"0001-01-01T00:00:00Z"}, "within": {"0"}}
	if diff := cmp.Diff(empty, <-params); diff != "" {
		t.Errorf("an empty request: %s", diff)
	}
	if diff := cmp.Diff(&find{}, out, equal); diff != "" {
		t.Errorf("an empty request: %s", diff)
	}
}

func TestAParamWinsOverTheBody(t *testing.T) {
	ctx, conn := t.Context(), open(t)
	_, err := finder.Handle(ctx, use(t, conn, jsoncodec.New()), func(_ context.Context, in *find) (*find, error) { return in, nil })
	must(t, err)
	reply, err := conn.Request(ctx, &transport.Message{
		Destination: "test.find", ContentType: "application/json", Body: []byte(`{"id":"body","limit":5,"tags":["body"]}`),
		Params: url.Values{"id": {"param"}, "tags": {"x", "y"}, "unknown": {"z"}},
	})
	must(t, err)
	var got find
	must(t, jsoncodec.New().Decode(reply.Body, &got))
	if got.ID != "param" || got.Limit != 5 || len(got.Tags) != 2 || got.Tags[0] != "x" {
		t.Errorf("got %+v", got)
	}
}

func TestParamsThatDoNotFitAreRefused(t *testing.T) {
	ctx, conn := t.Context(), open(t)
	_, err := finder.Handle(ctx, use(t, conn, jsoncodec.New()), func(context.Context, *find) (*find, error) {
		t.Error("the handler was entered")
		return nil, nil
	})
	must(t, err)
	for name, tc := range map[string]struct {
		params url.Values
		want   string
	}{
		"number":   {url.Values{"limit": {"secret"}}, `param "limit": want an integer of 8 bits`},
		"range":    {url.Values{"limit": {"128"}}, `param "limit": want an integer of 8 bits`},
		"unsigned": {url.Values{"page": {"-1"}}, `param "page": want an unsigned integer of 16 bits`},
		"float":    {url.Values{"near": {"secret"}}, `param "near": want a number of 64 bits`},
		"bool":     {url.Values{"all": {"secret"}}, `param "all": want true or false`},
		"pointer":  {url.Values{"open": {""}}, `param "open": want true or false`},
		"time":     {url.Values{"since": {"secret"}}, `param "since": want a time as in `},
		"twice":    {url.Values{"id": {"a", "b"}}, `param "id": is given 2 times, want it once`},
		"item":     {url.Values{"nums": {"1", "secret"}}, `param "nums": want an integer of 64 bits`},
	} {
		_, err := conn.Request(ctx, &transport.Message{Destination: "test.find", Params: tc.params})
		if e := wantCode(t, err, transport.CodeInvalidArgument); !strings.HasPrefix(e.Message, tc.want) || strings.Contains(e.Message, "secret") {
			t.Errorf("%s: got %q, want %q", name, e.Message, tc.want)
		}
	}
}

func TestFunctionsOfTheContractThatPanic(t *testing.T) {
	ctx, bus := t.Context(), newBus(t)
	var missing *find
	method := contract.NewMethod[find, find]("test.panics", contract.Param("id", func(*find) *string { return &missing.ID }))
	_, err := method.On(bus).Request(ctx, &find{})
	if e := wantCode(t, err, transport.CodeInternal); !strings.HasPrefix(e.Message, "a function of the contract panicked in ") {
		t.Errorf("got %v", e)
	}
	queue := contract.NewQueue[find]("test.panics", contract.KeyOf(func(*find) string { return missing.ID }))
	wantCode(t, queue.On(bus).Send(ctx, &find{}), transport.CodeInternal)
	_, err = method.Handle(ctx, bus, func(context.Context, *find) (*find, error) { return &find{}, nil })
	must(t, err)
	_, err = finder.On(routes{bus, jsoncodec.New(), nil}).Request(ctx, &find{ID: "\n"})
	wantCode(t, err, transport.CodeInvalidArgument) // the core refuses control characters in params
}
