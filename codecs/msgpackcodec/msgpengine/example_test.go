package msgpengine_test

import (
	"fmt"

	"github.com/polywire/polywire/codecs/msgpackcodec"
	"github.com/polywire/polywire/codecs/msgpackcodec/msgpengine"
)

func ExampleEngine() {
	c := msgpackcodec.New(msgpackcodec.WithEngine(msgpengine.Engine{}))
	body, err := c.Append(nil, []int{1, 200, -1})
	fmt.Printf("%x %v\n", body, err)

	var back []int
	err = c.Decode(body, &back)
	fmt.Println(back, err)
	// Output:
	// 9301ccc8ff <nil>
	// [1 200 -1] <nil>
}
