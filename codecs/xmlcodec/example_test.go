package xmlcodec_test

import (
	"bytes"
	"fmt"
	"time"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/xmlcodec"
)

type trip struct {
	ID    string        `wire:"id,1"`
	Cents int           `wire:"cents,2"`
	Took  time.Duration `wire:"took,3,optional"`
}

func ExampleNew() {
	c := xmlcodec.New()
	body, err := c.Append(nil, trip{ID: "7 <a>", Cents: 1200})
	fmt.Printf("%s %v\n", body, err)

	var back trip
	err = c.Decode([]byte(`<?xml version="1.0"?>
<trip>
  <id>7 &lt;a&gt;</id>
  <cents>1200</cents>
</trip>`), &back)
	fmt.Printf("%+v %v\n", back, err)
	// Output:
	// <value><id>7 &lt;a&gt;</id><cents>1200</cents></value> <nil>
	// {ID:7 <a> Cents:1200 Took:0s} <nil>
}

func ExampleWithLimits() {
	c := xmlcodec.New(xmlcodec.WithLimits(codecs.Limits{MaxBytes: 64 << 10, MaxElements: 1000}))
	var list []int
	err := c.Decode(bytes.Repeat([]byte("<a>"), 3_000_000), &list)
	fmt.Println(err)

	_, err = c.Append(nil, make([]bool, 1001))
	fmt.Println(err)
	// Output:
	// xml: decode at byte 0: limit exceeded: more than 65536 bytes (Limits.MaxBytes)
	// xml: encode: limit exceeded: more than 1000 elements (Limits.MaxElements)
}
