package contract_test

import (
	"bytes"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

var update = flag.Bool("update", false, "write the golden files")

type node struct {
	Name     string           `wire:"name,1"`
	Children []*node          `wire:"children,2,optional"`
	Index    map[string]*node `wire:"index,3,optional"`
}

type money struct {
	Cents uint64   `json:"cents"`
	Rate  *float32 `json:"rate"`
}

type page[T any] struct {
	Items []T      `json:"items"`
	Hash  [16]byte `json:"hash"`
	Next  *[]byte  `json:"next"`
	Grid  [2][3]int8
	At    time.Time
	Spent time.Duration `json:"spent,omitzero"`
	Level level         `json:"level,omitempty"`
	Hex   hex
	Open  bool
	Anon  struct{ X int }
}

var shop = contract.NewService("shop",
	contract.NewMethod[node, page[money]]("shop.find", contract.Idempotent(), contract.Fails[Refused](transport.CodeFailedPrecondition),
		contract.Fails[*Broken](transport.CodeDataLoss), contract.Param("name", func(n *node) *string { return &n.Name })),
	contract.NewQueue[wrapperspb.StringValue]("shop.note"),
	contract.NewTopic[map[uint8][]string]("shop.changed", contract.KeyOf(func(*map[uint8][]string) string { return "" })),
	contract.NewSurvey[contract.None, money]("shop.prices"),
)

func TestTheDescriptionIsTheGoldenFile(t *testing.T) {
	const golden = "testdata/shop.json"
	d, err := shop.Describe()
	must(t, err)
	got, err := d.JSON()
	must(t, err)
	if *update {
		must(t, os.WriteFile(golden, got, 0o600))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the API changed (write it with -update):\n%s", diff)
	}
	for range 10 {
		again, err := shop.Describe()
		must(t, err)
		if b, err := again.JSON(); err != nil || !bytes.Equal(b, got) {
			t.Fatalf("the bytes differ from one time to the next: %v", err)
		}
	}
}

func TestADescriptionHoldsTheNumbersOfWithNumbers(t *testing.T) {
	numbered := shop.WithNumbers(func(of reflect.Type, field string) int {
		if of == reflect.TypeFor[money]() && field == "rate" {
			return 7
		}
		return 0
	})
	d, err := numbered.Describe()
	must(t, err)
	if f := d.Types["money"].Fields; f[0].Number != 0 || f[1].Number != 7 || d.Types["node"].Fields[0].Number != 1 {
		t.Errorf("got %+v and %+v, want 7 for rate, no number for cents, and 1 of the tag for name", f, d.Types["node"].Fields[0])
	}
	reply, err := numbered.ServeDescription(t.Context(), nil)
	must(t, err)
	served, err := contract.ParseDescription(reply.Body)
	must(t, err)
	if diff := cmp.Diff(d, served); diff != "" {
		t.Errorf("what is served differs from what Describe returns:\n%s", diff)
	}
	d, err = shop.Describe()
	must(t, err)
	if f := d.Types["money"].Fields[1]; f.Number != 0 {
		t.Errorf("the service without numbers describes %+v", f)
	}
}

func TestADescriptionIsReadBack(t *testing.T) {
	d, err := shop.Describe()
	must(t, err)
	document, err := d.JSON()
	must(t, err)
	back, err := contract.ParseDescription(document)
	must(t, err)
	if diff := cmp.Diff(d, back); diff != "" {
		t.Error(diff)
	}
	if o := back.Operation("shop.find"); o == nil || o.Failures["Broken"] != transport.CodeDataLoss || o.Needs[0] != "Request" {
		t.Errorf("got %+v", o)
	}
	if o := back.Operation("shop.none"); o != nil {
		t.Errorf("got %+v", o)
	}
	for _, o := range back.Operations {
		for _, feature := range o.Needs {
			if all := (transport.Features{Send: true, Request: true, Publish: true, Gather: true}); !all.Has(feature) {
				t.Errorf("%s needs %s, which is no style's feature", o.Destination, feature)
			}
		}
	}
}

func TestADescriptionIsServed(t *testing.T) {
	ctx, conn := t.Context(), open(t)
	_, err := conn.Handle(ctx, "polywire.describe", shop.ServeDescription)
	must(t, err)
	reply, err := conn.Request(ctx, &transport.Message{Destination: "polywire.describe"})
	must(t, err)
	d, err := contract.ParseDescription(reply.Body)
	must(t, err)
	if d.Service != "shop" || len(d.Operations) != 4 || reply.ContentType != "application/json" {
		t.Errorf("got %+v as %s", d, reply.ContentType)
	}
}

func TestDocumentsThatAreNone(t *testing.T) {
	op := func(s string) string {
		return `{"polywire":1,"service":"s","operations":[` + s + `],"types":{"T":{"kind":"struct"}}}`
	}
	deep := strings.Repeat(`{"kind":"list","elem":`, 200) + `{"kind":"int"}` + strings.Repeat("}", 200)
	for document, want := range map[string]string{
		`{`:                       "contract: this is no description: unexpected end of JSON input; write one with Service.Describe",
		`[]`:                      "contract: this is no description: ",
		`{}`:                      "contract: description of version 0: this program reads version 1",
		`{"polywire":2}`:          "contract: description of version 2: this program reads version 1",
		op(`{}`):                  `contract: description of service "s": operation "": destination of 0 bytes: use 1 to 180`,
		op(`{"destination":"a"}`): `contract: description of service "s": operation "a": style "": want method, queue, topic or survey`,
		op(`{"destination":"a","style":"queue","request":{}}`):                                          `operation "a": kind "": want one of [bool int`,
		op(`{"destination":"a","style":"queue","request":{"kind":"any"}}`):                              `operation "a": kind "any": want one of [bool int`,
		op(`{"destination":"a","style":"queue","request":{"kind":"list"}}`):                             `operation "a": a list has an elem`,
		op(`{"destination":"a","style":"queue","request":{"kind":"map","elem":{"kind":"int"}}}`):        `operation "a": a map has a key`,
		op(`{"destination":"a","style":"queue","request":{"kind":"struct","type":"U"}}`):                `operation "a": refers to "U", which is not among the types`,
		op(`{"destination":"a","style":"queue","request":{"kind":"struct","fields":[{"kind":"int"}]}}`): `operation "a": field 1 has no name`,
		op(`{"destination":"a","style":"queue","params":[{"name":"p","kind":"x"}]}`):                    `operation "a": field "p": kind "x"`,
		op(`{"destination":"a","style":"method","failures":{"F":"aborted"}}`):                           `operation "a": failure "F" is not among the types`,
		op(`{"destination":"a","style":"method","failures":{"T":"bad"}}`):                               `contract: this is no description: `,
		op(`{"destination":"a","style":"queue"},{"destination":"a","style":"topic"}`):                   `operation "a" stands there twice`,
		op(`{"destination":"a","style":"queue","request":` + deep + `}`):                                `nested deeper than 100 levels`,
		`{"polywire":1,"types":{"T":null}}`:                                                             `type "T": want a struct or a message`,
		`{"polywire":1,"types":{"T":{"kind":"struct","fields":[{"name":"f"}]}}}`:                        `type "T": field "f": kind ""`,
		strings.Repeat(" ", 4<<20) + "{}":                                                               "contract: description of 4194306 bytes: at most 4194304",
	} {
		_, err := contract.ParseDescription([]byte(document))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: got %v, want %s", document, err, want)
		}
	}
}

func FuzzParseDescription(f *testing.F) {
	document, err := os.ReadFile("testdata/shop.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(document)
	f.Fuzz(func(t *testing.T, document []byte) {
		d, err := contract.ParseDescription(document)
		if err != nil {
			return
		}
		again, err := d.JSON()
		must(t, err)
		back, err := contract.ParseDescription(again)
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		third, err := back.JSON()
		if err != nil || !bytes.Equal(again, third) {
			t.Fatalf("got %s\nwant %s (%v)", third, again, err)
		}
	})
}

type loop []loop

func TestATypeThatHoldsItselfWithoutAStruct(t *testing.T) {
	_, err := contract.NewService("s", contract.NewQueue[loop]("a")).Describe()
	if err == nil || !strings.Contains(err.Error(), "contract_test.loop nests deeper than 100 levels: put a struct between") {
		t.Errorf("got %v", err)
	}
}

func TestTypesOfOneNameAreToldApart(t *testing.T) {
	first := func() contract.Endpoint {
		type item struct{ A int }
		return contract.NewQueue[item]("a")
	}
	second := func() contract.Endpoint {
		type item struct{ B string }
		return contract.NewQueue[item]("b")
	}
	third := func() contract.Endpoint {
		type item struct{ C bool }
		return contract.NewQueue[item]("c")
	}
	d, err := contract.NewService("s", first(), second(), third()).Describe()
	must(t, err)
	for name, field := range map[string]string{"item": "A", "contract_test.item": "B", "contract_test.item_2": "C"} {
		if s := d.Types[name]; s == nil || s.Fields[0].Name != field {
			t.Errorf("type %s: got %+v, want the field %s", name, s, field)
		}
	}
	type Refused struct{ X int } // the failure keeps its name: callers know it by that
	d, err = contract.NewService("s", contract.NewQueue[Refused]("a"), ask).Describe()
	must(t, err)
	if s := d.Types["Refused"]; s == nil || s.Fields[0].Name != "reason" {
		t.Errorf("got %+v, want the failure", s)
	}
}
