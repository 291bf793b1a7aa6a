package avrocodec

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sync"
	"time"

	"github.com/polywire/polywire/codecs"
)

// A Ref is how a message names the schema of its writer.
type Ref struct {
	Fingerprint [8]byte // CRC-64-AVRO as Schema.Fingerprint has it, of a single object
	ID          uint32  // of Confluent's framing, if ByID
	ByID        bool
	Reader      *Schema // what the message is read by; the writer's mostly has its name
}

// A refKey is a Ref as a key. Names are part of it: a registry looks under them.
type refKey struct {
	ref  uint64
	byID bool
	name string
}

func (r Ref) key(reader *Schema) refKey {
	if r.ByID {
		return refKey{ref: uint64(r.ID), byID: true}
	}
	return refKey{ref: binary.LittleEndian.Uint64(r.Fingerprint[:]), name: reader.Name()}
}

// A Store finds schemas of writers: a History, a Registry, or a place of the user's.
//
// Find returns nil and no error for a schema that the store does not have. It is
// called concurrently, for each Ref once at a time, and must give up with ctx. The
// codec keeps what it found, and for some seconds that it found nothing.
type Store interface {
	Find(ctx context.Context, ref Ref) (*Schema, error)
}

// A History is a Store of schemas that are known beforehand. It never changes; the
// zero value is empty.
type History struct {
	byFingerprint map[[8]byte]*Schema
}

// NewHistory returns a History of these schemas: old versions of the types that a
// program reads.
func NewHistory(schemas ...*Schema) *History {
	h := &History{byFingerprint: make(map[[8]byte]*Schema)}
	for _, s := range schemas {
		h.byFingerprint[s.Fingerprint()] = s
	}
	return h
}

// ReadHistory returns a History of the files *.avsc below the root of fsys: of an
// embed.FS, or of a directory by os.DirFS. It reads them once, at most 10,000.
func ReadHistory(fsys fs.FS) (*History, error) {
	const most = 10_000
	h := NewHistory()
	err := fs.WalkDir(fsys, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(file) != ".avsc" {
			return err
		}
		if len(h.byFingerprint) >= most {
			return fmt.Errorf("more than %d schemas", most)
		}
		s, err := readSchema(fsys, file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		h.byFingerprint[s.Fingerprint()] = s
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("avro: history: %w", err)
	}
	return h, nil
}

func readSchema(fsys fs.FS, file string) (*Schema, error) {
	f, err := fsys.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxSchemaBytes+1))
	if err != nil {
		return nil, err
	}
	return ParseSchema(text)
}

// Find returns the schema of a fingerprint. A History knows no numbers of registries.
func (h *History) Find(_ context.Context, ref Ref) (*Schema, error) {
	if ref.ByID {
		return nil, nil
	}
	return h.byFingerprint[ref.Fingerprint], nil
}

// What a finder holds at most.
const (
	maxFound   = 4096
	maxMissing = 4096
	maxCalls   = 16 // lookups at once
)

// How long a finder believes that a schema is nowhere, and that a store failed.
const (
	missingFor = 5 * time.Second
	failedFor  = time.Second
)

// A finder asks stores for the schemas of writers and for numbers of our own. What
// many messages need at once it asks once, and what is not there it does not ask
// again at once: a peer that makes up fingerprints gets no further than this.
type finder struct {
	stores   []Store
	patience time.Duration

	mu      sync.Mutex           // guards what follows; not held while a store is asked
	found   map[refKey]answer    // for ever
	missing map[refKey]answer    // until their time
	calls   map[refKey]*findCall // that are under way
}

// An answer is a schema or the number of one, or that there is none.
type answer struct {
	schema *Schema
	id     uint32
	err    error
	until  time.Time // of one that is not for ever
}

// A findCall is a lookup under way. Its goroutine writes the answer and closes
// done; those who wait read it then. Nobody waits for the goroutine itself: it
// ends with its context, as Store demands, and takes no other's place meanwhile.
type findCall struct {
	done   chan struct{}
	answer answer
}

var errBusy = fmt.Errorf("%w: too many lookups of schemas at once", codecs.ErrUnavailable)

// find returns the schema of a writer, or an error that wraps codecs.ErrUnavailable.
func (f *finder) find(ref Ref, reader *Schema) (*Schema, error) {
	ref.Reader = reader
	a := f.once(ref.key(reader), func(ctx context.Context) answer { return f.ask(ctx, ref) })
	return a.schema, a.err
}

// id returns the number that a registry gives a schema of ours.
func (f *finder) id(r *Registry, s *Schema) (uint32, error) {
	key := refKey{ref: s.fingerprint, byID: true, name: s.text}
	a := f.once(key, func(ctx context.Context) answer {
		id, err := r.id(ctx, s)
		return answer{id: id, err: unavailable(err), until: time.Now().Add(failedFor)}
	})
	return a.id, a.err
}

// once returns the answer that is kept, or that of the lookup under way, or that of
// ask, which it starts.
func (f *finder) once(key refKey, ask func(context.Context) answer) answer {
	f.mu.Lock()
	if a, ok := f.found[key]; ok {
		f.mu.Unlock()
		return a
	}
	if a, ok := f.missing[key]; ok && time.Now().Before(a.until) {
		f.mu.Unlock()
		return a
	}
	call := f.calls[key]
	if call == nil {
		if len(f.calls) >= maxCalls {
			f.mu.Unlock()
			return answer{err: errBusy}
		}
		call = f.start(key, ask)
	}
	f.mu.Unlock()
	return f.await(call)
}

// start asks in a goroutine, so that nobody waits longer than the patience even for
// a store that does not obey its context. f.mu is held.
func (f *finder) start(key refKey, ask func(context.Context) answer) *findCall {
	call := &findCall{done: make(chan struct{})}
	if f.calls == nil {
		f.found, f.missing, f.calls = make(map[refKey]answer), make(map[refKey]answer), make(map[refKey]*findCall)
	}
	f.calls[key] = call
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), f.patience)
		defer cancel()
		a := asked(ctx, ask)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.keep(key, a)
		delete(f.calls, key)
		call.answer = a
		close(call.done)
	}()
	return call
}

// asked is ask, of which a panic is an answer: the store is the user's, and nobody
// could recover it on this goroutine.
func asked(ctx context.Context, ask func(context.Context) answer) (a answer) {
	defer func() {
		if recover() != nil {
			a = answer{err: unavailable(errors.New("a store panicked")), until: time.Now().Add(failedFor)}
		}
	}()
	return ask(ctx)
}

// keep remembers an answer. f.mu is held.
func (f *finder) keep(key refKey, a answer) {
	kept, most := f.found, maxFound
	if a.err != nil {
		kept, most = f.missing, maxMissing
	}
	if len(kept) >= most {
		clear(kept)
	}
	kept[key] = a
	if a.err == nil {
		delete(f.missing, key)
	}
}

func (f *finder) await(call *findCall) answer {
	timer := time.NewTimer(f.patience)
	defer timer.Stop()
	select {
	case <-call.done:
		return call.answer
	case <-timer.C:
		return answer{err: fmt.Errorf("%w: no store had the schema within %v", codecs.ErrUnavailable, f.patience)}
	}
}

// ask asks the stores in their order. One that fails does not keep the others from
// being asked.
func (f *finder) ask(ctx context.Context, ref Ref) answer {
	var failed error
	for _, store := range f.stores {
		s, err := store.Find(ctx, ref)
		switch {
		case err != nil:
			failed = err
		case s == nil:
		case !ref.ByID && s.Fingerprint() != ref.Fingerprint:
			failed = errors.New("a store returned a schema of another fingerprint")
		default:
			return answer{schema: s}
		}
	}
	if failed != nil {
		return answer{err: unavailable(failed), until: time.Now().Add(failedFor)}
	}
	what := fmt.Sprintf("fingerprint %x", ref.Fingerprint)
	if ref.ByID {
		what = fmt.Sprintf("number %d", ref.ID)
	}
	err := fmt.Errorf("%w: no store has the writer's schema of %s; add it by WithStores", codecs.ErrUnavailable, what)
	return answer{err: err, until: time.Now().Add(missingFor)}
}

// unavailable returns the error of a store as one that may pass.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", codecs.ErrUnavailable, err)
}
