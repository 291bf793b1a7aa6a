package schema_test

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/codecs/msgpackcodec"
	"github.com/polywire/polywire/codecs/schema"
)

func ExampleDescriber() {
	type Order struct {
		ID    string `wire:"id,1"`
		Count *uint8 `wire:"count,2"`
	}
	var d schema.Describer
	order, err := d.Type(reflect.TypeFor[Order]())
	if err != nil {
		fmt.Println(err)
		return
	}
	document, _ := json.Marshal(d.Types)
	fmt.Println(order.Kind, order.Type)
	fmt.Println(string(document))
	// Output:
	// struct Order
	// {"Order":{"kind":"struct","fields":[{"name":"id","number":1,"kind":"string"},{"name":"count","number":2,"kind":"uint","bits":8,"optional":true}]}}
}

func ExampleTypes_Maker() {
	types := schema.Types{"Order": {Kind: "struct", Fields: []schema.Type{
		{Name: "id", Number: 1, Kind: "string"},
		{Name: "count", Number: 2, Kind: "uint", Bits: 8, Optional: true},
	}}}
	maker, err := types.Maker(&schema.Type{Kind: "struct", Type: "Order"})
	if err != nil {
		fmt.Println(err)
		return
	}
	order := maker.New()
	if err := jsoncodec.New().Decode([]byte(`{"id":"7","count":2}`), order); err != nil {
		fmt.Println(err)
		return
	}
	body, err := msgpackcodec.New().Append(nil, order)
	fmt.Printf("%q %v\n", body, err)
	// Output: "\x82\xa2id\xa17\xa5count\x02" <nil>
}
