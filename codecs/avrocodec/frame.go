package avrocodec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/polywire/polywire/internal/shape"
)

// A framing is what stands before a value and names the schema of its writer:
//
//	single object │ C3 01 │ CRC-64-AVRO, the lowest byte first (8) │ value
//	Confluent     │ 00 │ number in the registry, the highest byte first (4) │ value
//	bare          │ value
type framing uint8

const (
	singleObject framing = iota + 1
	confluent
	bare
)

const (
	marker1, marker2 = 0xc3, 0x01
	sizeSingle       = 10
	sizeConfluent    = 5
)

var (
	errNotSingle    = errors.New("want an Avro single object, which begins with the bytes c3 01 (WithConfluent and WithBareBody read other framings)")
	errNotConfluent = errors.New("want a body in the framing of Confluent, which begins with a zero")
)

// header reads what stands before the value, and where that begins.
func (f framing) header(src []byte) (ref Ref, start int, err error) {
	switch f {
	case singleObject:
		switch {
		case len(src) > 0 && src[0] != marker1, len(src) > 1 && src[1] != marker2:
			return ref, 0, errNotSingle
		case len(src) < sizeSingle:
			return ref, len(src), io.ErrUnexpectedEOF
		}
		ref.Fingerprint = [8]byte(src[2:])
		return ref, sizeSingle, nil
	case confluent:
		switch {
		case len(src) > 0 && src[0] != 0:
			return ref, 0, errNotConfluent
		case len(src) < sizeConfluent:
			return ref, len(src), io.ErrUnexpectedEOF
		}
		ref.ID, ref.ByID = binary.BigEndian.Uint32(src[1:]), true
		return ref, sizeConfluent, nil
	default:
		return ref, 0, nil
	}
}

// readerFor returns how src is read into the type of p, and where its value begins.
func (c *Codec) readerFor(src []byte, p *typePlan) (*reader, int, error) {
	ref, start, err := c.framing.header(src)
	if err != nil {
		return nil, start, err
	}
	if c.framing == bare || !ref.ByID && binary.LittleEndian.Uint64(ref.Fingerprint[:]) == p.schema.fingerprint {
		return p.own, start, nil
	}
	key := readerKey{refKey: ref.key(p.schema), plan: p}
	if kept := c.readers.get(key); kept != nil {
		return kept.reader, start, kept.again()
	}
	writer, err := c.finder.find(ref, p.schema)
	if err != nil {
		return nil, 0, err
	}
	kept := &keptReader{}
	if kept.reader, err = newReader(writer.root, p.root); err != nil {
		path, cause := shape.Split(err)
		kept.err = &mismatchError{path, fmt.Errorf("the schema of the writer does not fit: %w", cause)}
	}
	c.readers.put(key, kept)
	return kept.reader, start, kept.again()
}

// A readerKey is a writer's schema and what is read into.
type readerKey struct {
	refKey
	plan *typePlan
}

// A keptReader is a reader, or why there is none.
type keptReader struct {
	reader *reader
	err    *mismatchError
}

func (k *keptReader) again() error {
	if k.err == nil {
		return nil
	}
	return k.err.again()
}

// A readerCache keeps the readers of foreign schemas. It starts over when it holds
// maxReaders; the schemas stay with the finder.
type readerCache struct {
	kept sync.Map // readerKey to *keptReader

	mu    sync.Mutex // guards count
	count int        // of kept
}

const maxReaders = 4096

func (c *readerCache) get(key readerKey) *keptReader {
	kept, ok := c.kept.Load(key)
	if !ok {
		return nil
	}
	return kept.(*keptReader)
}

func (c *readerCache) put(key readerKey, r *keptReader) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count >= maxReaders {
		c.kept.Clear()
		c.count = 0
	}
	if _, ok := c.kept.Swap(key, r); !ok {
		c.count++
	}
}

// appendFrame appends what stands before a value.
func (c *Codec) appendFrame(buf []byte, p *typePlan, f framing) ([]byte, error) {
	switch f {
	case singleObject:
		return append(buf, p.header...), nil
	case confluent:
		return c.appendID(buf, p)
	default:
		return buf, nil
	}
}

// appendID appends the header of Confluent's framing.
func (c *Codec) appendID(buf []byte, p *typePlan) ([]byte, error) {
	id, err := c.finder.id(c.registry, p.schema)
	if err != nil {
		return buf, err
	}
	return binary.BigEndian.AppendUint32(append(buf, 0), id), nil
}
