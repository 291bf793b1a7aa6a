package codectest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/polywire/polywire/codecs"
)

// maxProblems bounds what one case reports.
const maxProblems = 10

// An Env is what one case runs in. Its methods may be called from many
// goroutines, but for Part.
type Env struct {
	Codec codecs.Codec // with default limits, new for this case
	Tier  Tier         // of the run

	h  *Harness
	mu sync.Mutex // guards what follows

	part     string
	problems []problem
	more     int // problems beyond maxProblems
}

type problem struct{ part, text string }

// With returns a codec with these limits.
func (e *Env) With(l codecs.Limits) codecs.Codec { return e.h.New(l) }

// Errorf notes a problem; the case goes on, and fails.
func (e *Env) Errorf(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.problems) >= maxProblems {
		e.more++
		return
	}
	e.problems = append(e.problems, problem{e.part, fmt.Sprintf(format, args...)})
}

// Part runs f as the named part of the case, of which deviations may speak. A
// panic inside is a problem of the part.
func (e *Env) Part(name string, f func()) {
	e.part = name
	defer func() {
		if v := recover(); v != nil {
			e.Errorf("panics: %v", v)
		}
		e.part = ""
	}()
	f()
}

// fresh returns a pointer to a new zero value of v's type.
func fresh(v any) any { return reflect.New(reflect.TypeOf(v)).Interface() }

// behind returns what p points to.
func behind(p any) any { return reflect.ValueOf(p).Elem().Interface() }

// pointed returns a pointer to a copy of v.
func pointed(v any) any {
	p := reflect.New(reflect.TypeOf(v))
	p.Elem().Set(reflect.ValueOf(v))
	return p.Interface()
}

// Encode returns v's encoding, or notes a problem and returns false.
func (e *Env) Encode(c codecs.Codec, v any) ([]byte, bool) {
	body, err := c.Append(nil, v)
	if err != nil {
		e.Errorf("encode %s: %v", short(v), err)
		return nil, false
	}
	return body, true
}

// Decode reads body as a value of the type of like, or notes a problem.
func (e *Env) Decode(c codecs.Codec, body []byte, like any) (any, bool) {
	p := fresh(like)
	if err := c.Decode(body, p); err != nil {
		e.Errorf("decode %s into a %T: %v", quote(body), like, err)
		return nil, false
	}
	return behind(p), true
}

// RoundTrip checks that v comes back: from a value and from a pointer, which have
// one encoding, and with nil for what is empty. It returns the encoding.
func (e *Env) RoundTrip(c codecs.Codec, v any) []byte {
	if checker, ok := c.(codecs.TypeChecker); ok {
		if err := checker.CheckType(reflect.TypeOf(v)); err != nil {
			e.Errorf("check %T: %v", v, err)
			return nil
		}
	}
	body, ok := e.Encode(c, v)
	if !ok {
		return nil
	}
	if again, ok := e.Encode(c, pointed(v)); ok && !bytes.Equal(body, again) {
		e.Errorf("%s is %s as a value and %s by pointer", short(v), quote(body), quote(again))
	}
	got, ok := e.Decode(c, body, v)
	if !ok {
		return nil
	}
	if d := Diff(deref(v), deref(got)); d != "" {
		e.Errorf("decode(encode(v)) of a %T is not v: %s, from %s", v, d, quote(body))
	}
	if p := emptyButNotNil("", reflect.ValueOf(got)); p != "" {
		e.Errorf("decode of a %T: %s is empty but not nil", v, p)
	}
	return body
}

// deref lets a pointer at the top stand for what it points to.
func deref(v any) any {
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && !rv.IsNil() {
		return rv.Elem().Interface()
	}
	return v
}

// WantError checks what holds for every error of a codec: its type, its names,
// its length, and that it says where. It reports whether err is such an error.
func (e *Env) WantError(err error, op, what string) bool {
	var ce *codecs.Error
	switch {
	case err == nil:
		e.Errorf("%s: got no error", what)
		return false
	case !errors.As(err, &ce):
		e.Errorf("%s: got a %T, want a *codecs.Error: %v", what, err, err)
		return false
	case ce.Op != op || ce.Codec != e.Codec.Name():
		e.Errorf("%s: the error is of %q %q, want %q %q", what, ce.Codec, ce.Op, e.Codec.Name(), op)
	case len(err.Error()) > 256:
		e.Errorf("%s: the error has %d bytes, want at most 256: %v", what, len(err.Error()), err)
	}
	return true
}

// Refused checks that Decode of body into a value like like fails as it must and
// leaves zero.
func (e *Env) Refused(c codecs.Codec, body []byte, like any, what string) {
	_ = e.refusal(c, body, like, what)
}

// refusal is Refused, and returns the error.
func (e *Env) refusal(c codecs.Codec, body []byte, like any, what string) error {
	p := pointed(like)
	err := c.Decode(body, p)
	if !e.WantError(err, "decode", what) {
		return err
	}
	var ce *codecs.Error
	if errors.As(err, &ce) && (ce.Offset < 0 || ce.Offset > int64(len(body))) {
		e.Errorf("%s: offset %d in %d bytes", what, ce.Offset, len(body))
	}
	if !reflect.ValueOf(p).Elem().IsZero() {
		e.Errorf("%s: an error leaves %s", what, short(behind(p)))
	}
	return err
}

// Survives checks that body is an error as errors must be, or a value that comes
// back from another round with the same encoding.
func (e *Env) Survives(c codecs.Codec, body []byte, like any, what string) {
	p := fresh(like)
	if err := c.Decode(body, p); err != nil {
		e.Refused(c, body, like, what)
		return
	}
	got := behind(p)
	once, err := c.Append(nil, got)
	if err != nil {
		e.Errorf("%s is read as a %T but not written: %v", what, like, err)
		return
	}
	again := fresh(like)
	if err := c.Decode(once, again); err != nil {
		e.Errorf("%s is read as a %T and written as %s, which is not read: %v", what, like, quote(once), err)
		return
	}
	if d := Diff(got, behind(again)); d != "" {
		e.Errorf("%s: a value is another after one round: %s", what, d)
	}
	if twice, err := c.Append(nil, again); err != nil || !bytes.Equal(once, twice) {
		e.Errorf("%s: encoded as %s, then as %s (%v)", what, quote(once), quote(twice), err)
	}
}

// quote is body in print.
func quote(body []byte) string {
	const most = 48
	if len(body) <= most {
		return fmt.Sprintf("%q", body)
	}
	return fmt.Sprintf("%q… (%d bytes)", body[:most], len(body))
}

// texts joins problems for a reason.
func texts(problems []problem) string {
	lines := make([]string, len(problems))
	for i, p := range problems {
		lines[i] = p.text
		if p.part != "" {
			lines[i] = p.part + ": " + p.text
		}
	}
	return strings.Join(lines, "\n")
}
