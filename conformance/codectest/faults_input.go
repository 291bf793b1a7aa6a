package codectest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/polywire/polywire/codecs"
)

// forgiving makes a fault that takes some errors of Decode for a zero.
func forgiving(which func(err *codecs.Error) bool) func(codecs.Codec) codecs.Codec {
	return decoding(func(next codecs.Codec, src []byte, v any) error {
		err := next.Decode(src, v)
		var ce *codecs.Error
		if errors.As(err, &ce) && which(ce) {
			return nil
		}
		return err
	})
}

// rewriting makes a fault that reads other bytes than those it was given.
func rewriting(f func(src []byte) []byte) func(codecs.Codec) codecs.Codec {
	return decoding(func(next codecs.Codec, src []byte, v any) error { return next.Decode(f(src), v) })
}

// lastWins reads JSON as encoding/json does, where the last of two names wins.
func lastWins(src []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(src))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() {
		return src
	}
	out, err := json.Marshal(v)
	if err != nil {
		return src
	}
	return out
}

func evolutionFaults() []Fault {
	name := regexp.MustCompile(`"[A-Z]+":`)
	return []Fault{
		{Name: "refuses what it does not know", Cases: []string{"C033", "C040"}, wrap: decoding(func(next codecs.Codec, src []byte, v any) error {
			err := next.Decode(src, v)
			if again, encodeErr := next.Append(nil, v); err == nil && encodeErr == nil && len(again) < len(src) {
				return &codecs.Error{Op: "decode", Codec: next.Name(), Err: errors.New("unknown field")}
			}
			return err
		})},
		{Name: "refuses what lacks a field", Cases: []string{"C032"}, wrap: decoding(func(next codecs.Codec, src []byte, v any) error {
			err := next.Decode(src, v)
			if again, encodeErr := next.Append(nil, v); err == nil && encodeErr == nil && len(again) > len(src) {
				return &codecs.Error{Op: "decode", Codec: next.Name(), Err: errors.New("missing field")}
			}
			return err
		}), Except: NeedsNumbers},
		{Name: "demands what may be absent", Cases: []string{"C038"}, wrap: decoding(func(next codecs.Codec, src []byte, v any) error {
			err := next.Decode(src, v)
			if t := reflect.TypeOf(v); err == nil && strings.HasSuffix(t.String(), "needed") && reflect.ValueOf(v).Elem().IsZero() {
				return &codecs.Error{Op: "decode", Codec: next.Name(), Err: errors.New("missing field")}
			}
			return err
		})},
		{Name: "fills what is absent with the last value", Cases: []string{"C032", "C087"}, wrap: decoding(func(next codecs.Codec, src []byte, v any) error {
			if rv := reflect.ValueOf(v); rv.Kind() != reflect.Pointer || rv.IsNil() || rv.Elem().Kind() != reflect.Struct {
				return next.Decode(src, v)
			}
			old := reflect.ValueOf(v).Elem()
			was := reflect.New(old.Type()).Elem()
			was.Set(old)
			err := next.Decode(src, v)
			for i := 0; err == nil && i < old.NumField(); i++ {
				if f := old.Field(i); f.CanSet() && f.IsZero() {
					f.Set(was.Field(i))
				}
			}
			return err
		})},
		{Name: "takes fields in the order of declaration", Cases: []string{"C034"}, wrap: readingKind(byDeclaration, reflect.Struct)},
		{Name: "takes a name for one that is like it", Cases: []string{"C035"}, Format: "json", wrap: rewriting(func(src []byte) []byte { return bytes.ReplaceAll(src, []byte(`"x":`), []byte(`"z":`)) })},
		{Name: "takes names in any case", Cases: []string{"C045"}, Format: "json", wrap: rewriting(func(src []byte) []byte { return name.ReplaceAllFunc(src, bytes.ToLower) })},
		{Name: "takes the last of two entries", Cases: []string{"C046"}, Format: "json", wrap: rewriting(lastWins)},
		{Name: "reads what does not fit as zero", Cases: []string{"C037"}, wrap: forgiving(func(err *codecs.Error) bool { return strings.Contains(err.Error(), "range") })},
		{Name: "refuses what is narrower", Cases: []string{"C037"}, wrap: decoding(func(next codecs.Codec, src []byte, v any) error {
			if t := reflect.TypeOf(v); t != nil && strings.HasSuffix(t.String(), "narrow") {
				return &codecs.Error{Op: "decode", Codec: next.Name(), Err: errors.New("another type")}
			}
			return next.Decode(src, v)
		})},
		{Name: "reads another kind as zero", Cases: []string{"C039", "C043"}, wrap: forgiving(func(err *codecs.Error) bool { return err.Path != "" })},
		{Name: "reads a map as no list", Cases: []string{"C042"}, Except: KindsAreUntold, wrap: forgiving(func(err *codecs.Error) bool { return err.Path == "a" })},
		{Name: "does not say where", Cases: []string{"C037", "C039", "C043", "C042"}, wrap: changingErrors(func(err *codecs.Error) error { err.Path = ""; return err }), Except: KindsAreUntold},
		{Name: "keeps what it does not know", Cases: []string{"C040"}, Format: "json", wrap: keepUnknown},
	}
}

// byDeclaration swaps the first two fields of one type whose numbers descend.
func byDeclaration(v reflect.Value) {
	if v.NumField() < 2 || v.Field(0).Type() != v.Field(1).Type() || !v.Field(0).CanSet() {
		return
	}
	first, second := v.Type().Field(0).Tag.Get("wire"), v.Type().Field(1).Tag.Get("wire")
	_, n, _ := strings.Cut(first, ",")
	_, m, _ := strings.Cut(second, ",")
	if n > m && len(n) == len(m) {
		old := reflect.New(v.Field(0).Type()).Elem()
		old.Set(v.Field(0))
		v.Field(0).Set(v.Field(1))
		v.Field(1).Set(old)
	}
}

// keepUnknown writes a string that it once skipped.
func keepUnknown(c codecs.Codec) codecs.Codec {
	kept := ""
	return &tap{Codec: c,
		decode: func(next codecs.Codec, src []byte, v any) error {
			if i := bytes.Index(src, []byte(marker)); i >= 0 {
				kept = marker
			}
			return next.Decode(src, v)
		},
		append: func(next codecs.Codec, dst []byte, v any) ([]byte, error) {
			out, err := next.Append(dst, v)
			if err == nil && kept != "" && bytes.HasSuffix(out, []byte("}")) {
				out = append(out[:len(out)-1], `,"kept":"`+kept+`"}`...)
			}
			return out, err
		},
	}
}

// changingErrors makes a fault of a change to all errors, of both directions.
func changingErrors(f func(err *codecs.Error) error) func(codecs.Codec) codecs.Codec {
	change := func(err error) error {
		var ce *codecs.Error
		if errors.As(err, &ce) {
			c := *ce
			return f(&c)
		}
		return err
	}
	return func(c codecs.Codec) codecs.Codec {
		return &tap{Codec: c,
			append: func(next codecs.Codec, dst []byte, v any) ([]byte, error) {
				out, err := next.Append(dst, v)
				return out, change(err)
			},
			decode: func(next codecs.Codec, src []byte, v any) error { return change(next.Decode(src, v)) },
			check:  func(next codecs.TypeChecker, t reflect.Type) error { return change(next.CheckType(t)) },
		}
	}
}

func inputFaults() []Fault {
	return []Fault{
		{Name: "reads nothing as zero", Cases: []string{"C047"}, Except: EmptyIsZero, wrap: decoding(func(next codecs.Codec, src []byte, v any) error {
			if len(src) == 0 && v != nil && reflect.TypeOf(v).Kind() == reflect.Pointer {
				reflect.ValueOf(v).Elem().SetZero()
				return nil
			}
			return next.Decode(src, v)
		})},
		{Name: "reads what is cut off", Cases: []string{"C048"}, wrap: forgiving(func(err *codecs.Error) bool { return errors.Is(err, io.ErrUnexpectedEOF) })},
		{Name: "ignores what follows", Cases: []string{"C049"}, wrap: decoding(func(next codecs.Codec, src []byte, v any) error {
			err := next.Decode(src, v)
			for n := len(src) - 1; err != nil && n > 0 && n > len(src)-4; n-- {
				if next.Decode(src[:n], v) == nil {
					return nil
				}
			}
			return err
		})},
		{Name: "panics on what is malformed", Cases: []string{"C048", "C050", "C076"}, wrap: decoding(func(next codecs.Codec, src []byte, v any) error {
			err := next.Decode(src, v)
			if err != nil {
				panic("index out of range")
			}
			return nil
		})},
		{Name: "reads what it could not write", Cases: []string{"C050"}, wrap: readingOf(func(s string) string {
			if strings.Contains(s, "q") {
				return s + "\xff"
			}
			return s
		})},
		{Name: "returns errors of another type", Cases: []string{"C048", "C063", "C008"}, wrap: changingErrors(func(err *codecs.Error) error { return errors.New(err.Error()) })},
		{Name: "prints the body in errors", Cases: []string{"C063"}, wrap: decoding(func(next codecs.Codec, src []byte, v any) error {
			err := next.Decode(src, v)
			var ce *codecs.Error
			if errors.As(err, &ce) {
				return &codecs.Error{Op: ce.Op, Codec: ce.Codec, Path: ce.Path, Offset: ce.Offset, Err: errors.New("in " + string(src))}
			}
			return err
		})},
		{Name: "prints a name of any length", Cases: []string{"C063"}, wrap: changingErrors(func(err *codecs.Error) error { return longError{err} })},
		{Name: "claims an offset behind the end", Cases: []string{"C048", "C110"}, wrap: changingErrors(func(err *codecs.Error) error { err.Offset = 1 << 40; return err })},
		{Name: "takes every document", Cases: []string{"C111"}, wrap: forgiving(func(*codecs.Error) bool { return true })},
		{Name: "trusts what the input says of its size", Cases: []string{"C076"}, wrap: decoding(func(next codecs.Codec, src []byte, v any) error {
			err := next.Decode(src, v)
			if err != nil {
				runtime.KeepAlive(make([]byte, 8<<20))
			}
			return err
		})},
	}
}

// A longError is an error in too many words.
type longError struct{ err *codecs.Error }

// Error pads the text.
func (e longError) Error() string { return e.err.Error() + strings.Repeat(".", 4096) }

// Unwrap returns the error inside.
func (e longError) Unwrap() error { return e.err }

func limitFaults() []Fault {
	refuseWide := func(t reflect.Type) error {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() == reflect.Struct && t.NumField() > 255 {
			return codecs.ErrUnsupported
		}
		return nil
	}
	return []Fault{
		{Name: "ignores Limits.MaxDepth", Cases: []string{"C066"}, limits: func(l codecs.Limits) codecs.Limits { l.MaxDepth = 1000; return l }},
		{Name: "allows one level more", Cases: []string{"C066"}, limits: func(l codecs.Limits) codecs.Limits { l.MaxDepth = l.WithDefaults().MaxDepth + 1; return l }},
		{Name: "allows one level less", Cases: []string{"C066"}, limits: func(l codecs.Limits) codecs.Limits { l.MaxDepth = l.WithDefaults().MaxDepth - 1; return l }},
		{Name: "ignores Limits.MaxBytes", Cases: []string{"C068", "C067"}, limits: func(l codecs.Limits) codecs.Limits { l.MaxBytes = 128 << 20; return l }},
		{Name: "ignores Limits.MaxElements", Cases: []string{"C068"}, limits: func(l codecs.Limits) codecs.Limits { l.MaxElements = 1 << 20; return l }},
		{Name: "does not tell of cycles", Cases: []string{"C067"}, wrap: changingErrors(func(err *codecs.Error) error {
			if errors.Is(err, codecs.ErrLimit) {
				err.Err = codecs.ErrLimit
			}
			return err
		})},
		{Name: "refuses types of more than 255 fields", Cases: []string{"C074"}, wrap: func(c codecs.Codec) codecs.Codec {
			return &tap{Codec: c, check: func(next codecs.TypeChecker, t reflect.Type) error {
				if t != nil && refuseWide(t) != nil {
					return &codecs.Error{Op: "check", Codec: c.Name(), Err: codecs.ErrUnsupported}
				}
				return next.CheckType(t)
			}}
		}},
		{Name: "takes as long as the square of the input", Cases: []string{"C071"}, wrap: decoding(func(next codecs.Codec, src []byte, v any) error {
			_, few := v.(*blobs) // of one kind, as the case tries each way of it many times
			for end := time.Now().Add(time.Duration(len(src)) * time.Duration(len(src)) / 128); few && time.Now().Before(end); {
				continue
			}
			return next.Decode(src, v)
		})},
	}
}
