package avrocodec_test

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing/fstest"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/avrocodec"
	"github.com/twmb/franz-go/pkg/sr"
)

type trip struct {
	ID    string `wire:"id"`
	Cents int    `wire:"cents"`
}

func ExampleNew() {
	c := avrocodec.New()
	body, err := c.Append(nil, trip{ID: "7", Cents: 1200})
	fmt.Printf("%x %v\n", body, err)

	var back trip
	err = c.Decode(body, &back)
	fmt.Printf("%+v %v\n", back, err)

	schema, err := c.Schema(reflect.TypeFor[trip]())
	fmt.Println(schema, err)
	// Output:
	// c301acd165f1edcb8a250237e012 <nil>
	// {ID:7 Cents:1200} <nil>
	// {"type":"record","name":"trip","fields":[{"name":"id","type":"string","default":""},{"name":"cents","type":"long","default":0}]} <nil>
}

func ExampleWithLimits() {
	c := avrocodec.New(avrocodec.WithLimits(codecs.Limits{MaxElements: 1000}), avrocodec.WithBareBody())
	var list []int
	err := c.Decode([]byte("\xfe\xff\xff\xff\x0f"), &list) // a list of 2,147,483,647 items, says its sender
	fmt.Println(err)
	// Output: avro: decode at byte 5: unexpected EOF
}

// schemas has the schema by which trips were written before they had a fare in
// cents. A program has its own: //go:embed history/*.avsc
var schemas fs.FS = fstest.MapFS{"history/trip-1.avsc": {Data: []byte(
	`{"type":"record","name":"trip","fields":[{"name":"id","type":"string"},{"name":"fare","type":"int"}]}`)}}

var _ fs.FS = embed.FS{} // what //go:embed fills

func ExampleReadHistory() {
	type trip struct {
		ID    string `wire:"id"`
		Cents int    `wire:"cents,alias=fare"`
		Tip   int    `wire:"tip,optional"`
	}
	history, err := avrocodec.ReadHistory(schemas)
	if err != nil {
		fmt.Println(err)
		return
	}
	c := avrocodec.New(avrocodec.WithStores(history))

	old := []byte("\xc3\x01\xfe\x53\x42\x33\xd5\x2c\x63\x60\x027\xe0\x12") // written by the schema above
	var now trip
	err = c.Decode(old, &now)
	fmt.Printf("%+v %v\n", now, err)
	// Output: {ID:7 Cents:1200 Tip:0} <nil>
}

func ExampleNewHistory() {
	old, err := avrocodec.ParseSchema([]byte(`{"type":"record","name":"trip","fields":[{"name":"id","type":"string"},{"name":"cents","type":"int"},{"name":"note","type":"string"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	body, _ := avrocodec.New(avrocodec.WithSchema(reflect.TypeFor[oldTrip](), old)).Append(nil, oldTrip{"7", 1200, "rain"})

	var now trip
	err = avrocodec.New().Decode(body, &now)
	fmt.Println(err)
	err = avrocodec.New(avrocodec.WithStores(avrocodec.NewHistory(old))).Decode(body, &now)
	fmt.Printf("%+v %v\n", now, err)
	// Output:
	// avro: decode at byte 0: not available now: no store has the writer's schema of fingerprint 899dc3310a4b1690; add it by WithStores
	// {ID:7 Cents:1200} <nil>
}

type oldTrip struct {
	ID    string `wire:"id"`
	Cents int32  `wire:"cents"`
	Note  string `wire:"note"`
}

func ExampleParseSchema() {
	s, err := avrocodec.ParseSchema([]byte(`{"type": "record", "name": "Trip", "doc": "a ride", "fields": [{"type": {"type": "int"}, "name": "cents"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %s %x\n", s.Name(), s.Canonical(), s.Fingerprint())
	// Output: Trip {"name":"Trip","type":"record","fields":[{"name":"cents","type":"int"}]} 5726ac0740c5ef10
}

func ExampleCodec_SchemaOf() {
	schema, err := avrocodec.New().SchemaOf(struct {
		Name string  `wire:"order-id"`
		Note *string `wire:"note"`
	}{})
	fmt.Println(schema, err)
	// Output: {"type":"record","name":"Record","fields":[{"name":"order_x2d_id","type":"string","default":""},{"name":"note","type":["null","string"],"default":null}]} <nil>
}

func ExampleNewRegistry() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"id":42,"schema":"\"string\"","version":1,"subject":"names"}`)
	}))
	defer server.Close()

	registry, err := avrocodec.NewRegistry(server.URL, // a program has https://registry.example:8081
		avrocodec.WithClient(sr.BasicAuth("user", "password")),
		avrocodec.WithSubjects(func(*avrocodec.Schema) []string { return []string{"names"} }))
	if err != nil {
		fmt.Println(err)
		return
	}
	c := avrocodec.New(avrocodec.WithConfluent(registry))
	body, err := c.Append(nil, "Ada")
	fmt.Printf("%q %v\n", body, err)
	// Output: "\x00\x00\x00\x00*\x06Ada" <nil>
}
