package codectest

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/polywire/polywire/codecs"
)

// growing are values that grow with n, each in its own way.
func growing() map[string]func(n int) any {
	return map[string]func(n int) any{
		"numbers":        func(n int) any { return lists{I: make([]int64, 4*n)} },
		"booleans":       func(n int) any { return lists{B: make([]bool, 4*n)} },
		"floats":         func(n int) any { return lists{F: repeat(4*n, func(i int) float64 { return float64(i) / 3 })} },
		"short strings":  func(n int) any { return lists{S: repeat(n, func(i int) string { return fmt.Sprint("s", i) })} },
		"one string":     func(n int) any { return text{strings.Repeat("a", 32*n)} },
		"escapes":        func(n int) any { return text{strings.Repeat("\x01<&\"", 4*n)} },
		"runes":          func(n int) any { return text{strings.Repeat("é日😀", 4*n)} },
		"bytes":          func(n int) any { return blobs{B: make([]byte, 32*n)} },
		"lists of bytes": func(n int) any { return blobs{L: repeat(n, func(i int) []byte { return []byte{byte(i)} })} },
		"structs":        func(n int) any { return lists{P: repeat(n, func(i int) point { return point{int32(i), 1} })} },
		"pointers":       func(n int) any { return lists{Q: repeat(n, func(i int) *point { return &point{int32(i), 1} })} },
		"times": func(n int) any {
			return lists{T: repeat(n, func(i int) time.Time { return time.Unix(int64(i), 1).UTC() })}
		},
		"addresses": func(n int) any {
			return lists{A: repeat(n, func(i int) netip.Addr { return netip.AddrFrom4([4]byte{byte(i)}) })}
		},
		"lists of lists": func(n int) any { return lists{N: repeat(n, func(i int) []string { return []string{"a"} })} },
		"lists of maps": func(n int) any {
			return lists{O: repeat(n/2, func(i int) map[string]int32 { return map[string]int32{"k": 1} })}
		},
		"a map": func(n int) any { return maps{S: keyed(n, func(i int) string { return fmt.Sprint("key-", i) }, "v")} },
		"keys like others": func(n int) any {
			return maps{S: keyed(n, func(i int) string { return strings.Repeat("k", 24) + fmt.Sprint(i) }, "v")}
		},
		"a map of structs": func(n int) any {
			return maps{P: keyed(n/2, func(i int) string { return fmt.Sprint("p", i) }, point{1, 2})}
		},
		"integer keys": func(n int) any { return keys{I: keyed(n, func(i int) int64 { return int64(i) }, "v")} },
		"a tree": func(n int) any {
			return tree{Kids: repeat(n, func(i int) *tree { return &tree{Kids: []*tree{{Value: 1}}} })}
		},
		"wide enumerations": func(n int) any { return levels{All: repeat(4*n, func(i int) level { return level(i) })} },
	}
}

func repeat[T any](n int, f func(i int) T) []T {
	l := make([]T, n)
	for i := range l {
		l[i] = f(i)
	}
	return l
}

func keyed[K comparable, V any](n int, f func(i int) K, v V) map[K]V {
	m := make(map[K]V, n)
	for i := range n {
		m[f(i)] = v
	}
	return m
}

// takesLinearTime compares n with 8n. Three doublings of what is linear take 8 times
// as long, of what is quadratic 64 times; between them is room for a busy machine,
// and for caches that the larger value does not fit.
func takesLinearTime(e *Env) {
	const n, times, most, tries = 400, 8, 27, 5
	for name, value := range growing() {
		e.Part(name, func() {
			one, more := e.measured(value(n)), e.measured(value(times*n))
			if one == nil || more == nil {
				return
			}
			for i, what := range [...]string{"encode", "decode", "skip"} {
				var ratio float64
				for range tries {
					if ratio = float64(fastest(more[i])) / float64(max(fastest(one[i]), 20*time.Microsecond)); ratio < most {
						break
					}
				}
				if ratio >= most {
					e.Errorf("%s takes %.1f times as long for %d times as much, %d tries in a row", what, ratio, times, tries)
				}
			}
		})
	}
}

// measured returns what is timed of v: to encode it, to decode it, and to skip all of it.
func (e *Env) measured(v any) []func() {
	c := e.With(codecs.Limits{MaxElements: 1 << 20})
	body, ok := e.Encode(c, v)
	if !ok {
		return nil
	}
	buf := make([]byte, 0, len(body))
	skip := e.reader(v)
	return []func(){
		func() { _, _ = c.Append(buf, v) },
		func() { _ = c.Decode(body, fresh(v)) },
		func() { _ = skip.Decode(body, new(empty)) },
	}
}

// fastest is the shortest of some calls.
func fastest(f func()) time.Duration {
	least := time.Hour
	for range 4 {
		start := time.Now()
		f()
		least = min(least, time.Since(start))
	}
	return least
}
