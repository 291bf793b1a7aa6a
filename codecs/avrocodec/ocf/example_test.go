package ocf_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/polywire/polywire/codecs/avrocodec"
	"github.com/polywire/polywire/codecs/avrocodec/ocf"
)

type trip struct {
	ID    string `wire:"id"`
	Cents int    `wire:"cents"`
}

func ExampleNewWriter() {
	var file bytes.Buffer // a program has an *os.File
	w, err := ocf.NewWriter(&file, avrocodec.New(), trip{}, ocf.WithCompression(ocf.Deflate))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range []trip{{"7", 1200}, {"8", 800}} {
		if err := w.Write(t); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(w.Close())
	fmt.Printf("%.3s\n", file.Bytes())
	// Output:
	// <nil>
	// Obj
}

func ExampleNewReader() {
	r, err := ocf.NewReader(aFile(), avrocodec.New())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Schema().Name(), string(r.Metadata()["avro.codec"]))
	for {
		var t trip // another type than the writer's, as long as the schemas resolve
		switch err := r.Read(&t); {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			fmt.Println(err)
			return
		}
		fmt.Println(t.ID, t.Cents)
	}
	// Output:
	// trip snappy
	// 7 1200
	// 8 800
}

func aFile() io.Reader {
	var file bytes.Buffer
	w, err := ocf.NewWriter(&file, avrocodec.New(), trip{}, ocf.WithCompression(ocf.Snappy))
	if err == nil {
		err = errors.Join(w.Write(trip{"7", 1200}), w.Write(trip{"8", 800}), w.Close())
	}
	if err != nil {
		panic(err)
	}
	return &file
}
