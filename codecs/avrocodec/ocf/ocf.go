// Package ocf reads and writes Avro's object container files: values of one type, with
// the schema that wrote them.
//
//	Writer  values ── avrocodec ──▶ block ── compression ──▶ io.Writer
//	Reader  io.Reader ──▶ block, its sync marker ── compression ──▶ avrocodec, both schemas ──▶ values
//
// A file is a header and blocks, of which one at a time is in memory:
//
//	header │ "Obj" 01 │ map of bytes: avro.schema, avro.codec, your own │ sync marker (16) │
//	block  │ number of values │ bytes of data │ data, compressed │ sync marker (16) │
//
// Types, schemas and their resolution are those of package avrocodec: a file of another
// schema is read as a message of it is, and the schema is in the file, so no store is
// asked. Of the codec's options, framing means nothing here; limits hold for each value.
//
// A Reader takes files of strangers: each length is held against what has come, a block
// has at most 16 MiB, stored and inflated (WithMaxBlock), a header 2 MiB, and what is
// damaged is an error. A value may then cost what it costs as a message.
package ocf

import (
	"errors"
	"fmt"

	"github.com/polywire/polywire/codecs"
)

// A Compression is how the data of blocks is compressed; what a file names avro.codec.
type Compression string

// What is read, and what WithCompression takes.
const (
	Null      Compression = "null"      // not at all; the default
	Deflate   Compression = "deflate"   // RFC 1951; every implementation has it
	Snappy    Compression = "snappy"    // fast, with a checksum
	Zstandard Compression = "zstandard" // RFC 8878: smaller than Deflate, and faster
)

// Keys of the header.
const (
	keySchema      = "avro.schema"
	keyCompression = "avro.codec"
	reserved       = "avro."
)

const (
	magic    = "Obj\x01"
	sizeSync = 16
)

// maxEmpty is how many values without bytes a block may have beside one for each of its
// bytes: as many as a message may hold.
const maxEmpty = 1 << 14

var errDamaged = errors.New("the compressed data of a block is damaged")

// tooLarge is the error of a block above the limit.
func tooLarge(limit int) error {
	return fmt.Errorf("%w: a block of more than %d bytes (WithMaxBlock)", codecs.ErrLimit, limit)
}

// fail returns err as the error of reading at offset bytes of the file, or, without
// one, of writing.
func fail(op string, offset int64, err error) error {
	return &codecs.Error{Op: op, Codec: "avro", Offset: offset, Err: err}
}
