package bench

import (
	"runtime"
	"testing"

	"github.com/polywire/polywire/codecs/all"
	"github.com/polywire/polywire/internal/codecbench"
)

// BenchmarkCodec compares codecs by shape, tier, kind of value and operation. benchstat
// tells the comparison of ten runs:
//
//	go test -run '^$' -bench '^BenchmarkCodec$' -count 10 ./bench | benchstat -col /codec -
//	go test -run '^$' -bench '^BenchmarkCodec$//shape=list/tier=tuned' -count 10 ./bench | benchstat -col /codec -
//
// Rows of one shape, tier, kind and operation are alike. MB/s count the bytes that the
// value has as JSON, whatever it has on the wire.
func BenchmarkCodec(b *testing.B) {
	for _, c := range codecCases(b, codecbench.Selection{}) {
		b.Run(c.Name(), func(b *testing.B) {
			work := c.Worker()
			b.ReportAllocs()
			for b.Loop() {
				must(b, work())
			}
			report(b, c)
		})
	}
}

// BenchmarkCodecParallel is the tuned tier of BenchmarkCodec on all cores at once: one
// codec, a buffer for each goroutine.
func BenchmarkCodecParallel(b *testing.B) {
	for _, c := range codecCases(b, codecbench.Selection{"tier": {codecbench.Tuned}}) {
		b.Run(c.Name(), func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				work := c.Worker()
				for pb.Next() {
					if err := work(); err != nil {
						b.Error(err)
						return
					}
				}
			})
			report(b, c)
		})
	}
}

// codecCases fails the benchmark when a codec does not bring back what it was given.
func codecCases(b *testing.B, s codecbench.Selection) []*codecbench.Case {
	cases, refused, err := codecbench.Prepare(all.Makers(), s)
	must(b, err)
	for _, r := range refused {
		b.Logf("no rows of codec %s, shape %s, %s: %s", r.Codec, r.Shape, r.Rows, r.Reason)
	}
	runtime.GC() // what was made to check is not the first row's garbage
	return cases
}

func report(b *testing.B, c *codecbench.Case) {
	b.SetBytes(int64(c.Logical))
	b.ReportMetric(float64(c.Items)*float64(b.N)/b.Elapsed().Seconds(), "items/s")
	b.ReportMetric(float64(c.Wire), "wire-bytes")
	b.ReportMetric(float64(c.Gzip), "gzip-bytes")
	b.ReportMetric(float64(c.Zstd), "zstd-bytes")
}
