package ocf_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/avrocodec"
	"github.com/polywire/polywire/codecs/avrocodec/ocf"
)

const (
	sync = "0123456789abcdef"
	text = `"string"`
)

// long writes a long.
func long(i int64) string { return string(binary.AppendVarint(nil, i)) }

func sized(s string) string { return long(int64(len(s))) + s }

// meta is a header with these keys and values.
func meta(pairs ...string) string {
	out := "Obj\x01" + long(int64(len(pairs)/2))
	for _, s := range pairs {
		out += sized(s)
	}
	return out + "\x00" + sync
}

// of is the header of a file of that schema and compression.
func of(schema, compression string) string {
	return meta("avro.codec", compression, "avro.schema", schema)
}

// block is a block of data.
func block(count int64, data string) string { return long(count) + sized(data) + sync }

func TestFilesThatAreDamaged(t *testing.T) {
	const lowest = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
	for _, tc := range []struct{ rule, file, want string }{
		{"nothing", "", "unexpected EOF"},
		{"another format", "PAR1" + strings.Repeat("\x00", 40), "begins with the bytes 4f 62 6a 01"},
		{"another version", "Obj\x02" + of(text, "null")[4:], "begins with the bytes 4f 62 6a 01"},
		{"no schema", meta("avro.codec", "null"), "no avro.schema"},
		{"no entries", "Obj\x01\x00" + sync, "no avro.schema"},
		{"a schema that is none", of("{", "null"), "schema"},
		{"an unknown compression", of(text, "bzip2"), "known: null, deflate, snappy, zstandard"},
		{"one key twice", meta("avro.schema", text, "a", "1", "a", "2"), "one key of the header comes twice"},
		{"one key twice, empty", meta("avro.schema", text, "a", "", "a", ""), "one key of the header comes twice"},
		{"a key that is no text", meta("\xff", "1"), "invalid UTF-8"},
		{"the lowest number of entries", "Obj\x01" + lowest + "\x02", "not as long as they say"},
		{"entries that lie", "Obj\x01" + long(-1) + long(3) + sized("a") + sized("b") + "\x00" + sync, "not as long as they say"},
		{"entries of a negative size", "Obj\x01" + long(-1) + long(-4), "a negative length"},
		{"a million entries", "Obj\x01" + long(1<<20), "limit exceeded: a header of more than 1024 entries"},
		{"a key of a negative length", "Obj\x01\x02\x01", "a negative length"},
		{"a key of 2^40 bytes", "Obj\x01\x02" + long(1<<40), "limit exceeded: a header of more than 2097152 bytes"},
		{"a value of 2^40 bytes", "Obj\x01\x02" + sized("a") + long(1<<40), "limit exceeded: a header of more than 2097152 bytes"},
		{"a varint of eleven bytes", of(text, "null") + strings.Repeat("\x80", 10) + "\x00", "more than ten bytes"},
		{"a count beyond 64 bits", of(text, "null") + strings.Repeat("\xff", 9) + "\x02", "beyond 64 bits"},
		{"a negative count", of(text, "null") + block(-1, sized("a")), "a negative number of values"},
		{"a negative size", of(text, "null") + long(1) + long(-1), "a negative length"},
		{"a size above the limit", of(text, "null") + long(1) + long(ocf.DefaultMaxBlock+1), "limit exceeded: a block of more than 16777216 bytes"},
		{"a size beyond the file", of(text, "null") + long(1) + long(1000) + sized("a"), "unexpected EOF"},
		{"another sync marker", of(text, "null") + long(1) + sized(sized("a")) + "0123456789abcdeF", "not the sync marker"},
		{"no sync marker", of(text, "null") + long(1) + sized(sized("a")), "unexpected EOF"},
		{"more bytes than values", of(text, "null") + block(1, sized("a")+"\x00"), "more bytes than values"},
		{"bytes without values", of(text, "null") + block(0, sized("a")), "more bytes than values"},
		{"more values than bytes", of(text, "null") + block(2, sized("a")), "value 2 of block 1: unexpected EOF"},
		{"a value that is none", of(text, "null") + block(1, sized("a")) + block(2, sized("a")+"\x02\xff"), "value 2 of block 2: invalid UTF-8"},
		{"10^9 values without bytes", of(`"null"`, "null") + block(1e9, ""), "limit exceeded: a block of more than 16384 values"},
		{"no deflate", of(text, "deflate") + block(1, "\xff\xff"), "damaged"},
		{"deflate that is cut", of(text, "deflate") + block(1, deflate(sized(strings.Repeat("a", 60)))[:4]), "damaged"},
		{"much after deflate", of(text, "deflate") + block(1, deflate(sized("a"))+"12345"), "damaged"},
		{"no snappy", of(text, "snappy") + block(1, "abc"), "damaged"},
		{"snappy without its checksum", of(text, "snappy") + block(1, "\x02\x04\x02a"), "damaged"},
		{"snappy with another checksum", of(text, "snappy") + block(1, "\x02\x04\x02a\x00\x00\x00\x00"), "damaged"},
		{"snappy that says it is huge", of(text, "snappy") + block(1, "\x80\x80\x80\x07\x04\x02a\x00\x00\x00\x00"), "damaged"},
		{"no zstd", of(text, "zstandard") + block(1, "abc"), "damaged"},
		{"empty zstd", of(text, "zstandard") + block(1, ""), "damaged"},
	} {
		got, err := read[string](strings.NewReader(tc.file), avrocodec.New())
		var e *codecs.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), tc.want) || len(err.Error()) > 256 || strings.Contains(tc.want, "limit") != errors.Is(err, codecs.ErrLimit) {
			t.Errorf("%s: got %q, %v; want %s", tc.rule, got, err, tc.want)
		}
	}
}

func deflate(s string) string {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, 9)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return out.String()
}

func TestAnErrorOfAReaderStays(t *testing.T) {
	r, err := ocf.NewReader(strings.NewReader(of(text, "null")+block(2, "\x02\xff"+sized("a"))), avrocodec.New())
	if err != nil {
		t.Fatal(err)
	}
	s := "before"
	first := r.Read(&s)
	if second := r.Read(&s); first == nil || !errors.Is(second, first) || s != "" {
		t.Errorf("got %v, %v and %q", first, second, s)
	}
}

func TestPythonsTrailerOfDeflateIsNoDamage(t *testing.T) {
	got, err := read[string](strings.NewReader(of(text, "deflate")+block(1, deflate(sized("a"))+"123")), avrocodec.New())
	if err != nil || !reflect.DeepEqual(got, []string{"a"}) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAHeaderMayComeInPartsAndWithoutItsCompression(t *testing.T) {
	file := "Obj\x01" + long(-1) + long(int64(len(sized("a")+sized("")))) + sized("a") + sized("") + long(1) + sized("avro.schema") + sized(text) + "\x00" + sync
	got, err := read[string](strings.NewReader(file+block(0, "")+block(2, sized("a")+sized("b"))), avrocodec.New())
	if err != nil || !reflect.DeepEqual(got, []string{"a", "b"}) {
		t.Errorf("got %q, %v", got, err)
	}
}

// A file that ends where a block does is whole; what is cut within one is not.
func TestEveryCutIsAnErrorButThoseBetweenBlocks(t *testing.T) {
	for _, compression := range compressions() {
		whole := write(t, avrocodec.New(), []string{"abc", "def", "ghi"}, ocf.WithBlockSize(1), ocf.WithCompression(compression))
		clean := 0
		for cut := range whole {
			values, err := read[string](bytes.NewReader(whole[:cut]), avrocodec.New())
			switch {
			case err == nil:
				clean++
			case !errors.Is(err, io.ErrUnexpectedEOF):
				t.Errorf("%s: %d of %d bytes: got %q, %v", compression, cut, len(whole), values, err)
			}
		}
		if clean != 3 { // after the header, the first and the second block
			t.Errorf("%s: %d cuts were read, want 3", compression, clean)
		}
	}
}

func TestEveryFlipOfABitIsAnErrorOrAnotherValue(t *testing.T) {
	for _, compression := range compressions() {
		whole := write(t, avrocodec.New(), []string{"abc", strings.Repeat("d", 60), ""}, ocf.WithCompression(compression), ocf.WithBlockSize(10))
		for i := range 8 * len(whole) {
			flipped := bytes.Clone(whole)
			flipped[i/8] ^= 1 << (i % 8)
			values, err := read[string](bytes.NewReader(flipped), avrocodec.New())
			var e *codecs.Error
			if err != nil && (!errors.As(err, &e) || len(err.Error()) > 256) {
				t.Fatalf("%s: bit %d: got %v", compression, i, err)
			}
			if err == nil && len(values) != 3 {
				t.Errorf("%s: bit %d: %d values, want 3", compression, i, len(values))
			}
		}
	}
}

func TestLimitsHoldForEachValueAndBlock(t *testing.T) {
	values := []string{strings.Repeat("a", 50), strings.Repeat("b", 100), ""}
	for _, compression := range compressions() {
		file := write(t, avrocodec.New(), values, ocf.WithCompression(compression))
		tight := avrocodec.New(avrocodec.WithLimits(codecs.Limits{MaxBytes: 102}))
		if got, err := read[string](bytes.NewReader(file), tight); err != nil || len(got) != 3 {
			t.Errorf("%s: a block of more than a value's limit: got %q, %v", compression, got, err)
		}
		tight = avrocodec.New(avrocodec.WithLimits(codecs.Limits{MaxBytes: 101}))
		if got, err := read[string](bytes.NewReader(file), tight); !errors.Is(err, codecs.ErrLimit) || len(got) != 1 {
			t.Errorf("%s: a value above its limit: got %d values, %v", compression, len(got), err)
		}
		if got, err := read[string](bytes.NewReader(file), avrocodec.New(), ocf.WithMaxBlock(154)); err != nil || len(got) != 3 {
			t.Errorf("%s: a block of just the limit: got %q, %v", compression, got, err)
		}
		if got, err := read[string](bytes.NewReader(file), avrocodec.New(), ocf.WithMaxBlock(math.MaxInt)); err != nil || len(got) != 3 {
			t.Errorf("%s: no limit to speak of: got %q, %v", compression, got, err)
		}
		if _, err := read[string](bytes.NewReader(file), avrocodec.New(), ocf.WithMaxBlock(153)); !errors.Is(err, codecs.ErrLimit) {
			t.Errorf("%s: a block above the limit: got %v", compression, err)
		}
	}
}

// Short values cannot each take what the limits leave to one.
func TestTheElementsOfABlockAreBoundedTogether(t *testing.T) {
	const empty, items = `{"type":"array","items":{"type":"record","name":"Empty","fields":[]}}`, 10_000
	type absent struct{ A int }
	value := long(items) + "\x00"
	file := of(empty, "null") + block(1000, strings.Repeat(value, 1000))
	got, err := read[[]absent](strings.NewReader(file), avrocodec.New())
	if most := (16*1000*len(value) + 1<<14) / items; !errors.Is(err, codecs.ErrLimit) || len(got) == 0 || len(got) > most {
		t.Errorf("%d values were read (%v), want 1 to %d", len(got), err, most)
	}
}
