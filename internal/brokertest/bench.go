package brokertest

import "testing"

// benchCallers are those of a benchmark of many, on two processors.
const benchCallers = 64

// Parallel measures f from 64 callers.
func Parallel(b *testing.B, f func() error) {
	b.Helper()
	if err := f(); err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(benchCallers / 2)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := f(); err != nil {
				b.Error(err)
			}
		}
	})
}

// Requests measures f from one caller and from 64.
func Requests(b *testing.B, f func() error) {
	b.Helper()
	if err := f(); err != nil {
		b.Fatal(err)
	}
	b.Run("1", func(b *testing.B) {
		for b.Loop() {
			if err := f(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("64", func(b *testing.B) { Parallel(b, f) })
}
