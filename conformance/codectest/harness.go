package codectest

import (
	"reflect"

	"github.com/polywire/polywire/codecs"
)

// A Harness makes what the cases run on. Name and New are needed; all else is
// optional and makes more cases run.
type Harness struct {
	Name string // of the codec, for reports

	// New returns a codec with these limits; zero ones mean the defaults. Most
	// cases make one of their own.
	New func(l codecs.Limits) codecs.Codec

	// Knowing returns a codec that can read what another one wrote of the type
	// writer. It is for formats whose bytes do not describe themselves; nil is New.
	Knowing func(writer reflect.Type) codecs.Codec

	// Documents are encodings that another implementation wrote, or nobody should.
	Documents []Document

	// Bombs are hostile input; nil is that of [Bombs], for the formats that it knows.
	Bombs []Bomb

	// Messages are values whose types say themselves how they are carried, as
	// generated ones do.
	Messages []Message

	// Deviations say where the codec departs from the profile on purpose, and why.
	// Keys are the named deviations of this package, ids of cases, or id/part. A
	// named one inverts its cases; of the others the case, or part, must fail.
	Deviations map[string]string

	// Known lists failures that are still to be mended, and why: id or id/part.
	// They run, and must still fail.
	Known map[string]string
}

// Named deviations, which [Harness.Deviations] may hold: choices that a format
// makes for its codec.
const (
	// EmptyIsZero: no bytes at all are the zero value, as in Protobuf.
	EmptyIsZero = "empty is zero"

	// EndsAnywhere: a value has no end of its own, so that a part of an encoding
	// may be another value, and two encodings in a row may be one.
	EndsAnywhere = "ends anywhere"

	// NeedsNumbers: fields without a number in their tag are refused.
	NeedsNumbers = "needs numbers"

	// KindsAreUntold: bytes do not tell what they are (a string, a struct), so one
	// kind may be read as another.
	KindsAreUntold = "kinds are untold"
)

// A Document is an encoding in the format of the codec.
type Document struct {
	Rule string // what it shows, or what is wrong with it
	Data []byte
	Into any // a value of the type to decode into, not a pointer to it

	// Want is what Data means, or nil where it must be refused.
	Want any

	// Path is what Path of the error must be, and Error what its text must contain.
	Path, Error string
}

// A Message is a value that is carried by pointer, with an equality of its own.
type Message struct {
	Name  string
	Value any        // a pointer, as the codec is given it
	New   func() any // a new, empty one
	Equal func(want, got any) bool
}

// lacks names the ability of c that h does not have, or nothing.
func (h *Harness) lacks(c *Case) string {
	has := map[string]bool{"": true, AbilityDocuments: len(h.Documents) > 0, AbilityMessages: len(h.Messages) > 0}
	if !has[c.Ability] {
		return c.Ability
	}
	return ""
}
