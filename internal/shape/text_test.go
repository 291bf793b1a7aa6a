package shape_test

import (
	"math"
	"strings"
	"testing"

	"github.com/polywire/polywire/internal/shape"
)

func TestFloatsHaveOneShortestText(t *testing.T) {
	for _, tc := range []struct {
		f    float64
		bits int
		want string
	}{
		{0, 64, "0"}, {math.Copysign(0, -1), 64, "-0"}, {1.5, 64, "1.5"}, {1e-9, 64, "1e-9"}, {1e-10, 64, "1e-10"}, {1e21, 64, "1e+21"}, {1e20, 64, "100000000000000000000"},
		{float64(float32(0.1)), 32, "0.1"}, {math.MaxFloat64, 64, "1.7976931348623157e+308"}, {5e-324, 64, "5e-324"},
		{math.NaN(), 64, "NaN"}, {math.Inf(1), 32, "Infinity"}, {math.Inf(-1), 64, "-Infinity"},
	} {
		if got := string(shape.AppendFloat([]byte("x"), tc.f, tc.bits)); got != "x"+tc.want {
			t.Errorf("%v: got %s, want x%s", tc.f, got, tc.want)
		}
	}
}

func TestBytesHaveOneBase64(t *testing.T) {
	if got, err := shape.ParseBase64([]byte("AAH+/w==")); err != nil || string(got) != "\x00\x01\xfe\xff" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, text := range []string{"AA", "AA=", "AB==", "AA==\n", "AA\r\n==", "AAH-_w==", "====", "s3cret!!"} {
		if got, err := shape.ParseBase64([]byte(text)); err == nil || strings.Contains(err.Error(), text) {
			t.Errorf("%q: got %q, %v; want an error that does not quote it", text, got, err)
		}
	}
}
