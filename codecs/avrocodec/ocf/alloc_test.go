//go:build !race

package ocf_test

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/polywire/polywire/codecs/avrocodec"
	"github.com/polywire/polywire/codecs/avrocodec/ocf"
)

// The race detector drops pooled values at random, so what is here counts without it.

// The memory of a Reader and a Writer is used again from block to block.
func TestBlocksShareMemory(t *testing.T) {
	c, values := avrocodec.New(), make([]int64, 100_000)
	file := write(t, c, values, ocf.WithBlockSize(1000))
	r, err := ocf.NewReader(bytes.NewReader(file), c)
	if err != nil {
		t.Fatal(err)
	}
	const inBlock = 1000 // values of a block
	var v int64
	if n := testing.AllocsPerRun(50, func() {
		for range inBlock {
			if err := r.Read(&v); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("reading a block allocates %v times", n)
	}
	w, err := ocf.NewWriter(io.Discard, c, v, ocf.WithBlockSize(inBlock))
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(50, func() {
		for range inBlock {
			if err := w.Write(&v); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("writing a block allocates %v times", n)
	}
}

// allocated is what f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// What lies about its size costs no more than what came; what inflates to much costs no
// more than the limit of a block, and what a reader of that compression needs at all.
func TestBombsCostNoMoreThanTheLimits(t *testing.T) {
	const limit, engine = 1 << 20, 512 << 10
	zeros := make([]byte, 8<<20)
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	var unsized bytes.Buffer
	stream, err := zstd.NewWriter(&unsized, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Write(zeros); err != nil {
		t.Fatal(err)
	}
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	for rule, file := range map[string]string{
		"a block that is not there":       of(text, "null") + long(1) + long(limit),
		"deflate of 8 MiB":                of(text, "deflate") + block(1, deflate(string(zeros))),
		"zstd of 8 MiB":                   of(text, "zstandard") + block(1, string(encoder.EncodeAll(zeros, nil))),
		"zstd that says nothing":          of(text, "zstandard") + block(1, unsized.String()),
		"zstd that says 1 MiB":            of(text, "zstandard") + block(1, "\x28\xb5\x2f\xfd\xa0\x00\x00\x10\x00\x01\x00\x00"),
		"snappy that says 1 MiB":          of(text, "snappy") + block(1, "\x80\x80\x40\x00a\x00\x00\x00\x00"),
		"a header that is not there":      "Obj\x01\x02" + sized("a") + long(2<<20-100),
		"a header of many empty entries":  "Obj\x01" + strings.Repeat(long(1)+sized("")+sized(""), 1<<16),
		"a header of entries of one byte": "Obj\x01" + long(1024) + strings.Repeat("\x02", 4096),
	} {
		most := uint64(4*limit + engine + 16*len(file))
		if strings.Contains(rule, "not there") || strings.Contains(rule, "says 1 MiB") || strings.Contains(rule, "header") {
			most = uint64(64<<10 + 16*len(file))
		}
		var err error
		got := allocated(func() { _, err = read[string](strings.NewReader(file), avrocodec.New(), ocf.WithMaxBlock(limit)) })
		if err == nil || got > most {
			t.Errorf("%s, %d bytes: got %d bytes allocated, %v; want an error for at most %d", rule, len(file), got, err, most)
		}
	}
}
