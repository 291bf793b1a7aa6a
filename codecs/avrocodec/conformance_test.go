package avrocodec_test

import (
	"reflect"
	"testing"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/avrocodec"
	"github.com/polywire/polywire/conformance/codectest"
)

func TestConformance(t *testing.T) {
	codectest.Run(t, codectest.Harness{
		Name: "avro", New: func(l codecs.Limits) codecs.Codec { return avrocodec.New(avrocodec.WithLimits(l)) },
		Deviations: map[string]string{
			"C032": "as the specification says, a field that the writer lacks needs a default: the tag optional",
			"C035": "likewise; the old name is given as an alias",
			"C038": "likewise; null is no value of what is not optional",
			"C043": "the schemas are resolved before a value is read, so the path has a[] where others have a[#0]",
			"C045": "a field in another case is one that the writer lacks",
		},
		Knowing: func(writer reflect.Type) codecs.Codec {
			s, err := avrocodec.New().Schema(writer)
			if err != nil {
				t.Fatal(err)
			}
			return avrocodec.New(avrocodec.WithStores(avrocodec.NewHistory(s)))
		},
	})
}
