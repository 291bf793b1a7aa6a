package compress

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// A gnuzip is RFC 1952. It owns its writers and readers.
type gnuzip struct {
	writers sync.Pool // of *gzip.Writer, which write to nothing between calls
	readers sync.Pool // of *gunzip, which read from nothing between calls
}

type gunzip struct {
	zip  gzip.Reader
	src  bytes.Reader
	more [1]byte // what comes after all room is taken
}

func newGzip() *gnuzip {
	return &gnuzip{
		writers: sync.Pool{New: func() any {
			w, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // a level that there is cannot fail
			return w
		}},
		readers: sync.Pool{New: func() any { return new(gunzip) }},
	}
}

func (*gnuzip) name() string { return "gzip" }

// An appender is a Writer that cannot fail.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

func (g *gnuzip) compress(dst, src []byte) []byte {
	w := g.writers.Get().(*gzip.Writer)
	to := appender{dst}
	w.Reset(&to)
	_, _ = w.Write(src) // an appender takes all
	_ = w.Close()
	w.Reset(io.Discard)
	g.writers.Put(w)
	return to.b
}

func (g *gnuzip) inflate(src []byte, limit int) ([]byte, error) {
	r := g.readers.Get().(*gunzip)
	defer func() {
		r.src.Reset(nil)
		g.readers.Put(r)
	}()
	r.src.Reset(src)
	if err := r.zip.Reset(&r.src); err != nil {
		return nil, errCorrupt
	}
	return r.readAll(firstSize(len(src), memberSize(src), limit), limit)
}

// memberSize is what the last member of src says that it becomes.
func memberSize(src []byte) int {
	if len(src) < 18 {
		return -1
	}
	b := src[len(src)-4:]
	return int(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3]&0x7f)<<24)
}

// readAll reads all of r's zip, into memory that is size long at first.
func (r *gunzip) readAll(size, limit int) ([]byte, error) {
	out := make([]byte, 0, size)
	for {
		room := out[len(out):cap(out)]
		full := len(room) == 0
		if full {
			room = r.more[:]
		}
		n, err := r.zip.Read(room)
		switch {
		case !full:
			out = out[:len(out)+n]
		case n > 0:
			if size = nextSize(cap(out), limit); size == 0 {
				return nil, errTooLarge
			}
			out = append(append(make([]byte, 0, size), out...), r.more[0])
		}
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, errCorrupt
		}
	}
}

// Sizes of the memory that a body inflates into:
//
//	what its trailer says     when a text would compress to that
//	… limit/16, limit/4, limit   else, and where the trailer was wrong
//
// So an honest body is inflated in place, a lie buys no more than 16 × what was
// sent for it, and all together stay below 2 × limit.
const (
	leastSize   = 4 << 10
	expectation = 16 // how many times longer than it was an honest body becomes
	step        = 4
)

// firstSize is what to begin with for n bytes that say they become hint; negative is unknown.
func firstSize(n, hint, limit int) int {
	likely := max(expectation*n, leastSize)
	if hint >= 0 && hint <= min(likely, limit) {
		return hint
	}
	size := limit
	for size/step >= likely {
		size /= step
	}
	return size
}

// nextSize is what comes after size; 0 at the limit.
func nextSize(size, limit int) int {
	if size >= limit {
		return 0
	}
	next := limit
	for next/step > size {
		next /= step
	}
	return next
}
