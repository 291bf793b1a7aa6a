package msgpackcodec_test

import (
	"bytes"
	"fmt"
	"time"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/msgpackcodec"
	"github.com/polywire/polywire/codecs/msgpackcodec/msgpengine"
)

type trip struct {
	ID    string        `wire:"id,1"`
	Cents int           `wire:"cents,2"`
	Took  time.Duration `wire:"took,3,optional"`
}

func ExampleNew() {
	c := msgpackcodec.New()
	body, err := c.Append(nil, trip{ID: "7", Cents: 1200})
	fmt.Printf("%q %v\n", body, err)

	var back trip
	err = c.Decode(body, &back)
	fmt.Printf("%+v %v\n", back, err)
	// Output:
	// "\x82\xa2id\xa17\xa5cents\xcd\x04\xb0" <nil>
	// {ID:7 Cents:1200 Took:0s} <nil>
}

func ExampleWithLimits() {
	c := msgpackcodec.New(msgpackcodec.WithLimits(codecs.Limits{MaxBytes: 64 << 10, MaxElements: 1000}))
	var list []int
	err := c.Decode([]byte("\xdd\xff\xff\xff\xff"), &list) // a list of 4,294,967,295 items, says its sender
	fmt.Println(err)

	_, err = c.Append(nil, make([]bool, 1001))
	fmt.Println(err)
	// Output:
	// msgpack: decode at byte 0: unexpected EOF
	// msgpack: encode: limit exceeded: more than 1000 elements (Limits.MaxElements)
}

// An Engine is chosen where the codec is made; nothing else changes.
func ExampleWithEngine() {
	one, other := msgpackcodec.New(), msgpackcodec.New(msgpackcodec.WithEngine(msgpengine.Engine{}))
	a, _ := one.Append(nil, trip{ID: "7", Cents: 1200})
	b, _ := other.Append(nil, trip{ID: "7", Cents: 1200})
	fmt.Println(bytes.Equal(a, b))
	// Output:
	// true
}
