package ocf_test

import (
	"bytes"
	"errors"
	"io"
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
