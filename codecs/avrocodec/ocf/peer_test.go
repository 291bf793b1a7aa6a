package ocf_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/avro"
	theirs "github.com/twmb/avro/ocf"

	"github.com/polywire/polywire/codecs/avrocodec"
	"github.com/polywire/polywire/codecs/avrocodec/ocf"
)

// theirCodec is the compression as the other implementation has it.
func theirCodec(t *testing.T, c ocf.Compression) []theirs.WriterOpt {
	t.Helper()
	switch c {
	case ocf.Deflate:
		return []theirs.WriterOpt{theirs.WithCodec(theirs.DeflateCodec(6))}
	case ocf.Snappy:
		return []theirs.WriterOpt{theirs.WithCodec(theirs.SnappyCodec())}
	case ocf.Zstandard:
		return []theirs.WriterOpt{theirs.WithCodec(theirs.MustZstdCodec(nil, nil))}
	}
	return nil
}

// C103: files go both ways between this package and github.com/twmb/avro, which shares
// nothing with it but the compressors.
func TestAnotherImplementationReadsAndWritesTheFiles(t *testing.T) {
	c, want := avrocodec.New(), orders(300)
	for _, compression := range compressions() {
		file := write(t, c, want, ocf.WithCompression(compression), ocf.WithBlockSize(2000))
		in, err := theirs.NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatalf("%s: %v", compression, err)
		}
		var back bytes.Buffer
		out, err := theirs.NewWriter(&back, avro.MustParse(string(in.Metadata()["avro.schema"])), theirCodec(t, compression)...)
		if err != nil {
			t.Fatalf("%s: %v", compression, err)
		}
		for {
			var v any
			if err := in.Decode(&v); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: what is written here is not read there: %v", compression, err)
			}
			if err := out.Encode(v); err != nil {
				t.Fatalf("%s: %v", compression, err)
			}
		}
		if err := errors.Join(in.Close(), out.Close()); err != nil {
			t.Fatalf("%s: %v", compression, err)
		}
		got, err := read[order](&back, c)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: what is written there is read here with %v, and (-want +got):\n%s", compression, err, diff)
		}
	}
}

// C103, by files of Avro's own tests, which its library for Java wrote. They come with
// the module of the other implementation.
func TestFilesOfAvrosOwnTestsAreRead(t *testing.T) {
	type weather struct {
		Station string `wire:"station"`
		Time    int64  `wire:"time"`
		Temp    int32  `wire:"temp"`
	}
	want := []weather{
		{"011990-99999", -619524000000, 0}, {"011990-99999", -619506000000, 22}, {"011990-99999", -619484400000, -11},
		{"012650-99999", -655531200000, 111}, {"012650-99999", -655509600000, 78},
	}
	module, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/twmb/avro").Output()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(strings.TrimSpace(string(module)), "ocf", "testdata", "avro-share")
	for name, compression := range map[string]string{"weather": "null", "weather-deflate": "deflate", "weather-snappy": "snappy", "weather-zstd": "zstandard", "weather-sorted": "deflate"} {
		file, err := os.ReadFile(filepath.Join(folder, name+".avro"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := read[weather](bytes.NewReader(file), avrocodec.New())
		slices.SortStableFunc(got, func(a, b weather) int { return strings.Compare(a.Station, b.Station) }) // one is in another order
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: got %v, and (-want +got):\n%s", name, err, diff)
		}
		if r, err := ocf.NewReader(bytes.NewReader(file), avrocodec.New()); err != nil || string(r.Metadata()["avro.codec"]) != compression {
			t.Errorf("%s: is not compressed by %s, or %v", name, compression, err)
		}
	}
	type person struct {
		ID    int64  `wire:"ID"`
		First string `wire:"First"`
	}
	file, err := os.ReadFile(filepath.Join(folder, "syncInMeta.avro"))
	if err != nil {
		t.Fatal(err)
	}
	people, err := read[person](bytes.NewReader(file), avrocodec.New())
	if err != nil || len(people) != 6001 || people[6000].ID != 6001 {
		t.Errorf("a file with its sync marker in the header: got %d values, %v; want 6001", len(people), err)
	}
}
