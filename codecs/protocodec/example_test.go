package protocodec_test

import (
	"fmt"
	"reflect"

	"github.com/polywire/polywire/codecs/protocodec"
)

type Order struct {
	ID    string   `wire:"id,1"`
	Count int32    `wire:"count,2"`
	Tags  []string `wire:"tags,3"`
	Note  *string  `wire:"note,4"`
}

func Example() {
	c := protocodec.New()
	body, err := c.Append(nil, Order{ID: "7", Count: 3, Tags: []string{"new"}})
	fmt.Printf("%x %v\n", body, err)
	var got Order
	fmt.Println(c.Decode(body, &got), got.ID, got.Count, got.Tags, got.Note)
	// Output:
	// 0a013710031a036e6577 <nil>
	// <nil> 7 3 [new] <nil>
}

func ExampleCodec_Descriptor() {
	file, err := protocodec.New().Descriptor(reflect.TypeFor[Order]())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range file.GetMessageType()[0].GetField() {
		fmt.Println(f.GetName(), f.GetNumber(), f.GetType(), f.GetLabel())
	}
	// Output:
	// id 1 TYPE_STRING LABEL_OPTIONAL
	// count 2 TYPE_INT32 LABEL_OPTIONAL
	// tags 3 TYPE_STRING LABEL_REPEATED
	// note 4 TYPE_STRING LABEL_OPTIONAL
}

type Invoice struct {
	Number string `json:"number"`
	Cents  int64  `json:"cents"`
}

func ExampleWithLock() {
	// A program embeds its lock file; a test keeps it true by LockFile.
	lock, err := protocodec.ParseLock([]byte(`
github.com/polywire/polywire/codecs/protocodec_test.Invoice number 1
github.com/polywire/polywire/codecs/protocodec_test.Invoice cents 2`))
	if err != nil {
		fmt.Println(err)
		return
	}
	body, err := protocodec.New(protocodec.WithLock(lock)).Append(nil, Invoice{"a", 5})
	fmt.Printf("%x %v\n", body, err)
	// Output: 0a01611005 <nil>
}

func ExampleLockFile() {
	// In a test of the contract's package: go test -run Lock -update writes the
	// file, and without the flag a field that it lacks fails the test.
	update := false
	_, err := protocodec.LockFile("testdata/numbers.lock", update, reflect.TypeFor[Invoice]())
	fmt.Println(err)
	// Output: <nil>
}
