package ocf_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/avrocodec"
	"github.com/polywire/polywire/codecs/avrocodec/ocf"
	"github.com/polywire/polywire/codecs/schema"
	"github.com/polywire/polywire/internal/testpb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type order struct {
	ID    string            `wire:"id"`
	Price int               `wire:"price"`
	Note  *string           `wire:"note"`
	At    time.Time         `wire:"at"`
	Tags  []string          `wire:"tags"`
	By    map[string]uint64 `wire:"by"`
	Next  *order            `wire:"next"`
}

func orders(n int) []order {
	var out []order
	for i := range n {
		note := strings.Repeat("é", i%7)
		o := order{ID: fmt.Sprint(i), Price: i * i, At: time.Unix(int64(i), int64(i)).UTC(), Next: &order{ID: "next", At: time.Unix(0, 0).UTC()}}
		if i%3 > 0 {
			o.Note, o.Tags, o.By = &note, []string{note, "b"}, map[string]uint64{note: math.MaxUint64}
		}
		out = append(out, o)
	}
	return out
}

func compressions() []ocf.Compression {
	return []ocf.Compression{ocf.Null, ocf.Deflate, ocf.Snappy, ocf.Zstandard}
}

func write[T any](t testing.TB, c *avrocodec.Codec, values []T, opts ...ocf.WriterOption) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := ocf.NewWriter(&file, c, *new(T), opts...)
	if err != nil {
		t.Fatal(err)
	}
	for i := range values {
		if err := w.Write(&values[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// read reads values as T until an error, which is nil at the end of the file.
func read[T any](file io.Reader, c *avrocodec.Codec, opts ...ocf.ReaderOption) (values []T, err error) {
	r, err := ocf.NewReader(file, c, opts...)
	if err != nil {
		return nil, err
	}
	for {
		var v T
		switch err := r.Read(&v); {
		case errors.Is(err, io.EOF):
			return values, nil
		case err != nil:
			return values, err
		}
		values = append(values, v)
	}
}

// C103, as far as it can be held without another implementation.
func TestAFileComesBackEqualInEachCompression(t *testing.T) {
	c, want := avrocodec.New(), orders(300)
	for _, compression := range compressions() {
		for _, size := range []int{1, 500, ocf.DefaultBlockSize} {
			file := write(t, c, want, ocf.WithCompression(compression), ocf.WithBlockSize(size), ocf.WithMetadata("by", []byte("us")))
			r, err := ocf.NewReader(bytes.NewReader(file), c)
			if err != nil {
				t.Fatal(err)
			}
			if m := r.Metadata(); string(m["by"]) != "us" || string(m["avro.codec"]) != string(compression) || len(m) != 3 {
				t.Errorf("%s: got the metadata %q", compression, m)
			}
			if own, _ := c.Schema(reflect.TypeFor[order]()); r.Schema().String() != own.String() {
				t.Errorf("%s: got the schema %s", compression, r.Schema())
			}
			for name, src := range map[string]io.Reader{"at once": bytes.NewReader(file), "byte by byte": iotest.OneByteReader(bytes.NewReader(file))} {
				got, err := read[order](src, c)
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("%s in blocks of %d, %s: got %v, and (-want +got):\n%s", compression, size, name, err, diff)
				}
			}
		}
	}
}

func TestCompressionMakesFilesSmall(t *testing.T) {
	c, values := avrocodec.New(), orders(2000)
	whole := len(write(t, c, values))
	for _, compression := range compressions()[1:] {
		if got := len(write(t, c, values, ocf.WithCompression(compression))); got > whole/2 {
			t.Errorf("%s: got %d bytes of %d, want less than half", compression, got, whole)
		}
	}
}

func TestAFileWithoutValuesIsReadToItsEnd(t *testing.T) {
	for _, compression := range compressions() {
		got, err := read[order](bytes.NewReader(write[order](t, avrocodec.New(), nil, ocf.WithCompression(compression))), avrocodec.New())
		if err != nil || len(got) > 0 {
			t.Errorf("%s: got %d values, %v", compression, len(got), err)
		}
	}
}

func TestValuesWithoutBytesAreCounted(t *testing.T) {
	type none struct{}
	for _, compression := range compressions() {
		want := make([]none, 40_000) // more than a block may have
		got, err := read[none](bytes.NewReader(write(t, avrocodec.New(), want, ocf.WithCompression(compression))), avrocodec.New())
		if err != nil || len(got) != len(want) {
			t.Errorf("%s: got %d values, %v; want %d", compression, len(got), err, len(want))
		}
	}
}

func TestWhatAnotherSchemaWroteIsResolved(t *testing.T) {
	type older struct {
		Cost int32  `wire:"cost"`
		ID   string `wire:"id"`
		Gone []bool `wire:"gone"`
	}
	type newer struct {
		ID    string  `wire:"id"`
		Price float64 `wire:"price,alias=cost"`
		Added *int    `wire:"added"`
	}
	file := write(t, avrocodec.New(), []older{{5, "a", []bool{true}}, {-6, "b", nil}}, ocf.WithCompression(ocf.Snappy))
	got, err := read[newer](bytes.NewReader(file), avrocodec.New())
	if diff := cmp.Diff([]newer{{ID: "a", Price: 5}, {ID: "b", Price: -6}}, got); err != nil || diff != "" {
		t.Errorf("got %v, and (-want +got):\n%s", err, diff)
	}
	type other struct {
		ID int `wire:"id"`
	}
	const want = "avro: decode id: value 1 of block 1: the schema of the writer does not fit: want an integer, got the Avro type string"
	if _, err := read[other](bytes.NewReader(file), avrocodec.New()); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestASchemaOfTheUsersIsWritten(t *testing.T) {
	type ride struct {
		Kind string `wire:"kind"`
	}
	s, err := avrocodec.ParseSchema([]byte(`{"type":"record","name":"Ride","fields":[{"name":"kind","type":{"type":"enum","name":"Kind","symbols":["A","B"]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	c := avrocodec.New(avrocodec.WithSchema(reflect.TypeFor[ride](), s), avrocodec.WithBareBody())
	file := write(t, c, []ride{{"B"}, {"A"}})
	if !bytes.Contains(file, []byte(`"symbols":["A","B"]`)) {
		t.Errorf("got the file %q", file)
	}
	if got, err := read[ride](bytes.NewReader(file), avrocodec.New()); err != nil || !reflect.DeepEqual(got, []ride{{"B"}, {"A"}}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestMessagesAreValuesToo(t *testing.T) {
	c, r := avrocodec.New(), rand.New(rand.NewPCG(5, 6))
	var file bytes.Buffer
	w, err := ocf.NewWriter(&file, c, new(testpb.Kinds), ocf.WithCompression(ocf.Zstandard))
	if err != nil {
		t.Fatal(err)
	}
	var want []*testpb.Kinds
	for range 20 {
		m := new(testpb.Kinds)
		testpb.Fill(r, m, 3)
		if err := w.Write(m); err != nil {
			t.Fatal(err)
		}
		want = append(want, m)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	in, err := ocf.NewReader(&file, c)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range want {
		got := new(testpb.Kinds)
		if err := in.Read(got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, got, protocmp.Transform()); diff != "" {
			t.Errorf("message %d (-want +got):\n%s", i, diff)
		}
	}
	if err := in.Read(new(testpb.Kinds)); !errors.Is(err, io.EOF) {
		t.Errorf("after the last: got %v", err)
	}
	if err := w.Write(proto.Message(new(testpb.Kinds))); err == nil {
		t.Error("a Writer that is closed takes a value")
	}
}

func TestValuesOfADescriptionAreWrittenAndRead(t *testing.T) {
	types := schema.Types{"Point": {Kind: "struct", Fields: []schema.Type{{Name: "x", Kind: "int", Bits: 32}}}}
	maker, err := types.Maker(&schema.Type{Kind: "struct", Type: "Point"})
	if err != nil {
		t.Fatal(err)
	}
	c, v := avrocodec.New(avrocodec.WithBareBody()), maker.New()
	if err := c.Decode([]byte{14}, v); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	w, err := ocf.NewWriter(&file, c, maker.New())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(v), w.Close()); err != nil {
		t.Fatal(err)
	}
	type point struct {
		X int `wire:"x"`
	}
	if got, err := read[point](&file, c); err != nil || !reflect.DeepEqual(got, []point{{7}}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestWhatIsFlushedIsRead(t *testing.T) {
	var file bytes.Buffer
	w, err := ocf.NewWriter(&file, avrocodec.New(), "")
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range []string{"a", "b"} {
		if err := errors.Join(w.Write(v), w.Flush(), w.Flush()); err != nil {
			t.Fatal(err)
		}
		if got, err := read[string](bytes.NewReader(file.Bytes()), avrocodec.New()); err != nil || len(got) != i+1 {
			t.Errorf("got %q, %v; want %d values", got, err, i+1)
		}
	}
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Error(err)
	}
	if err := w.Write("c"); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("after Close: got %v", err)
	}
}

func TestAValueThatCannotBeCarriedIsNoPartOfTheFile(t *testing.T) {
	var file bytes.Buffer
	w, err := ocf.NewWriter(&file, avrocodec.New(avrocodec.WithLimits(codecs.Limits{MaxBytes: 20})), "")
	if err != nil {
		t.Fatal(err)
	}
	for v, want := range map[any]string{"\xff": "invalid UTF-8", 7: "another type", strings.Repeat("a", 20): "limit exceeded", any(nil): "nil"} {
		if err := w.Write(v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %s", v, err, want)
		}
	}
	if err := errors.Join(w.Write("a"), w.Close()); err != nil {
		t.Fatal(err)
	}
	if got, err := read[string](&file, avrocodec.New()); err != nil || len(got) != 1 {
		t.Errorf("got %q, %v", got, err)
	}
}

// A picky takes all texts but one, for which it has the error of who reads past an end.
type picky struct{ text string }

func (p picky) MarshalText() ([]byte, error) { return []byte(p.text), nil }

func (p *picky) UnmarshalText(b []byte) error {
	if p.text = string(b); p.text == "bad" {
		return io.EOF
	}
	return nil
}

func TestAnEOFOfAValueIsNotTheEndOfTheFile(t *testing.T) {
	file := write(t, avrocodec.New(), []picky{{"a"}, {"bad"}, {"c"}})
	got, err := read[picky](bytes.NewReader(file), avrocodec.New())
	if want := "value 2 of block 1"; len(got) != 1 || err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, %v; want one value, and an error with %q", got, err, want)
	}
}

func TestValuesThatAreTooMuchForOneBlockGetSeveral(t *testing.T) {
	c := avrocodec.New(avrocodec.WithLimits(codecs.Limits{MaxBytes: 32 << 20}))
	for _, compression := range compressions() {
		want := []string{strings.Repeat("a", 8<<20-9), strings.Repeat("b", 9<<20), "c"} // each below what a Reader takes
		got, err := read[string](bytes.NewReader(write(t, c, want, ocf.WithBlockSize(8<<20), ocf.WithCompression(compression))), c)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %d values, %v; want %d", compression, len(got), err, len(want))
		}
	}
}

// A failing writes so many bytes and fails then.
type failing struct{ left int }

var errFull = errors.New("no space left")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestAFailureOfTheFileStays(t *testing.T) {
	if w, err := ocf.NewWriter(&failing{10}, avrocodec.New(), ""); !errors.Is(err, errFull) || w != nil {
		t.Errorf("in the header: got %v, %v", w, err)
	}
	w, err := ocf.NewWriter(&failing{100}, avrocodec.New(), "", ocf.WithBlockSize(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{w.Write(strings.Repeat("a", 100)), w.Write("b"), w.Flush(), w.Close()} {
		if !errors.Is(err, errFull) {
			t.Errorf("got %v, want %v", err, errFull)
		}
	}
	file := write(t, avrocodec.New(), []string{"a"})
	if _, err := read[string](io.MultiReader(bytes.NewReader(file), iotest.ErrReader(errFull)), avrocodec.New()); !errors.Is(err, errFull) {
		t.Errorf("reading: got %v", err)
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for want, opt := range map[string]ocf.WriterOption{
		"blocks of 0 bytes":       ocf.WithBlockSize(0),
		"blocks of 8388609 bytes": ocf.WithBlockSize(8<<20 + 1),
		`"avro.own"`:              ocf.WithMetadata("avro.own", nil),
		"UTF-8":                   ocf.WithMetadata("\xff", nil),
		"metadata of":             ocf.WithMetadata("k", make([]byte, 2<<20)),
		"known: null, deflate":    ocf.WithCompression("lzma"),
	} {
		if _, err := ocf.NewWriter(io.Discard, avrocodec.New(), "", opt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := ocf.NewWriter(io.Discard, avrocodec.New(), make(chan int)); !errors.Is(err, codecs.ErrUnsupported) {
		t.Errorf("a channel: got %v", err)
	}
	if _, err := ocf.NewWriter(io.Discard, nil, ""); err == nil {
		t.Error("no codec: got no error")
	}
	if _, err := ocf.NewReader(bytes.NewReader(write(t, avrocodec.New(), []int{1})), avrocodec.New(), ocf.WithMaxBlock(0)); err == nil {
		t.Error("no room for blocks: got no error")
	}
	if _, err := ocf.NewReader(nil, avrocodec.New()); err == nil {
		t.Error("no file: got no error")
	}
}
