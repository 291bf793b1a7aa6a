package codectest

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/polywire/polywire/codecs"
)

func memoryFaults() []Fault {
	return []Fault{
		{Name: "adds white space now and then", Cases: []string{"C077", "C079", "C085"}, Format: "json", wrap: func(c codecs.Codec) codecs.Codec {
			var calls atomic.Int64
			return &tap{Codec: c, append: func(next codecs.Codec, dst []byte, v any) ([]byte, error) {
				out, err := next.Append(dst, v)
				if n := calls.Add(1); err == nil && bits.OnesCount64(uint64(n))%2 == 0 { // in no rhythm

					out = append(out, ' ')
				}
				return out, err
			}}
		}},
		{Name: "lets strings share the input's memory", Cases: []string{"C084"}, wrap: decoding(func(next codecs.Codec, src []byte, v any) error {
			err := next.Decode(src, v)
			if err == nil {
				share(src, v)
			}
			return err
		})},
		{Name: "changes its input", Cases: []string{"C084"}, wrap: decoding(func(next codecs.Codec, src []byte, v any) error {
			err := next.Decode(src, v)
			if len(src) > 0 {
				src[len(src)-1] ^= 0x20
			}
			return err
		})},
		{Name: "returns an encoding that it keeps", Cases: []string{"C085"}, wrap: keepEncodings},
		{Name: "leaves spare room unused", Cases: []string{"C086"}, wrap: appending(func(next codecs.Codec, dst []byte, v any) ([]byte, error) {
			return next.Append(slices.Clip(dst), v)
		})},
		{Name: "returns nothing on error", Cases: []string{"C086", "C112"}, wrap: appending(func(next codecs.Codec, dst []byte, v any) ([]byte, error) {
			out, err := next.Append(dst, v)
			if err != nil {
				return nil, err
			}
			return out, nil
		})},
		{Name: "writes over what was there", Cases: []string{"C086"}, wrap: appending(func(next codecs.Codec, dst []byte, v any) ([]byte, error) {
			return next.Append(dst[:0], v)
		})},
	}
}

func targetFaults() []Fault {
	return []Fault{
		{Name: "reads into the old value's memory", Cases: []string{"C087"}, wrap: decoding(func(next codecs.Codec, src []byte, v any) error {
			w, ok := v.(*whole)
			if !ok {
				return next.Decode(src, v)
			}
			old := w.Lists.I
			err := next.Decode(src, v)
			if err == nil && len(old) >= len(w.Lists.I) {
				w.Lists.I = old[:copy(old, w.Lists.I)]
			}
			return err
		})},
		{Name: "leaves what it has read when it fails", Cases: []string{"C087", "C049"}, wrap: decoding(func(next codecs.Codec, src []byte, v any) error {
			err := next.Decode(src, v)
			switch p := v.(type) {
			case *whole:
				if err != nil {
					p.Text = "half"
				}
			case *point:
				if err != nil && p != nil {
					p.X = 7
				}
			}
			return err
		})},
		{Name: "begins with what a failed call left", Cases: []string{"C088"}, wrap: leftover},
		{Name: "shows texts the input's memory", Cases: []string{"C115"}, wrap: decoding(func(next codecs.Codec, src []byte, v any) error {
			err := next.Decode(src, v)
			edit(reflect.ValueOf(v).Elem(), func(part reflect.Value) {
				if k, ok := part.Addr().Interface().(*keeper); ok {
					if i := bytes.Index(src, k.text); i >= 0 {
						k.text = src[i : i+len(k.text)]
					}
				}
			}, 0)
			return err
		})},
		{Name: "makes errors of the user's panics", Cases: []string{"C116"}, wrap: func(c codecs.Codec) codecs.Codec {
			return &tap{Codec: c, append: func(next codecs.Codec, dst []byte, v any) (out []byte, err error) {
				defer func() {
					if recover() != nil {
						out, err = dst, &codecs.Error{Op: "encode", Codec: c.Name(), Err: errors.New("panic")}
					}
				}()
				return next.Append(dst, v)
			}}
		}},
	}
}

// share lets the strings and bytes of v point into src.
func share(src []byte, v any) {
	edit(reflect.ValueOf(v).Elem(), func(part reflect.Value) {
		switch p := part.Addr().Interface().(type) {
		case *string:
			if i := bytes.Index(src, []byte(*p)); i >= 0 && *p != "" {
				*p = unsafe.String(&src[i], len(*p))
			}
		case *[]byte:
			if i := bytes.Index(src, *p); i >= 0 && len(*p) > 0 {
				*p = src[i : i+len(*p)]
			}
		}
	}, 0)
}

func keepEncodings(c codecs.Codec) codecs.Codec {
	var mu sync.Mutex
	kept := map[string][]byte{}
	return &tap{Codec: c, append: func(next codecs.Codec, dst []byte, v any) ([]byte, error) {
		out, err := next.Append(dst, v)
		if dst != nil || err != nil {
			return out, err
		}
		mu.Lock()
		defer mu.Unlock()
		key := string(out)
		if old, ok := kept[key]; ok {
			return old, nil
		}
		kept[key] = out
		return out, nil
	}}
}

func leftover(c codecs.Codec) codecs.Codec {
	failed := false
	return &tap{Codec: c, decode: func(next codecs.Codec, src []byte, v any) error {
		err := next.Decode(src, v)
		w, ok := v.(*whole)
		if ok && failed && err == nil {
			w.Text = "left"
		}
		failed = err != nil
		return err
	}}
}

func goroutineFaults() []Fault {
	return []Fault{
		{Name: "has one buffer for all goroutines", Cases: []string{"C090"}, wrap: func(c codecs.Codec) codecs.Codec {
			var busy atomic.Int64
			return &tap{Codec: c, append: func(next codecs.Codec, dst []byte, v any) ([]byte, error) {
				defer busy.Add(-1)
				if busy.Add(1) > 1 {
					v = point{}
				}
				runtime.Gosched()
				return next.Append(dst, v)
			}}
		}},
		{Name: "shows a type to others before it is ready", Cases: []string{"C091"}, wrap: halfReady},
		{Name: "remembers every type for ever", Cases: []string{"C092"}, wrap: func(c codecs.Codec) codecs.Codec {
			var types sync.Map // reflect.Type to what is kept for it
			return &tap{Codec: c, append: func(next codecs.Codec, dst []byte, v any) ([]byte, error) {
				if _, ok := types.Load(reflect.TypeOf(v)); !ok {
					types.Store(reflect.TypeOf(v), make([]byte, 4096))
				}
				return next.Append(dst, v)
			}}
		}},
		{Name: "takes types of one name for one", Cases: []string{"C093"}, wrap: func(c codecs.Codec) codecs.Codec {
			var names sync.Map // name to the reflect.Type that had it first
			return &tap{Codec: c, append: func(next codecs.Codec, dst []byte, v any) ([]byte, error) {
				if v != nil {
					t := reflect.TypeOf(v)
					if first, seen := names.LoadOrStore(t.String(), t); seen && first != t {
						return next.Append(dst, reflect.Zero(first.(reflect.Type)).Interface())
					}
				}
				return next.Append(dst, v)
			}}
		}},
	}
}

// halfReady writes nothing of a type while another goroutine meets it first.
func halfReady(c codecs.Codec) codecs.Codec {
	var mu sync.Mutex
	ready := map[reflect.Type]bool{}
	return &tap{Codec: c, append: func(next codecs.Codec, dst []byte, v any) ([]byte, error) {
		t := reflect.TypeOf(v)
		mu.Lock()
		state, met := ready[t]
		if !met {
			ready[t] = false
		}
		mu.Unlock()
		if met && !state {
			return next.Append(dst, point{})
		}
		if !met {
			for range 50 {
				runtime.Gosched()
			}
			mu.Lock()
			ready[t] = true
			mu.Unlock()
		}
		return next.Append(dst, v)
	}}
}

func nilFaults() []Fault {
	return []Fault{
		{Name: "writes nil as nothing", Cases: []string{"C094"}, wrap: appending(func(next codecs.Codec, dst []byte, v any) ([]byte, error) {
			if rv := reflect.ValueOf(v); !rv.IsValid() || rv.Kind() == reflect.Pointer && rv.IsNil() {
				return dst, nil
			}
			return next.Append(dst, v)
		})},
		{Name: "reads into what is no pointer", Cases: []string{"C094"}, wrap: decoding(func(next codecs.Codec, src []byte, v any) error {
			if reflect.ValueOf(v).Kind() != reflect.Pointer {
				return nil
			}
			return next.Decode(src, v)
		})},
		{Name: "reads empty lists as empty", Cases: []string{"C012", "C096"}, wrap: readingKind(func(v reflect.Value) {
			if v.IsNil() {
				v.Set(reflect.MakeSlice(v.Type(), 0, 0))
			}
		}, reflect.Slice)},
		{Name: "tells nil from empty", Cases: []string{"C096"}, Format: "json", wrap: appending(func(next codecs.Codec, dst []byte, v any) ([]byte, error) {
			out, err := next.Append(dst, v)
			if rv := reflect.ValueOf(v); err == nil && rv.Kind() == reflect.Slice && rv.IsNil() {
				return append(dst, "null"...), nil
			}
			return out, err
		})},
		{Name: "leaves out what a tag does not", Cases: []string{"C095"}, wrap: readingOf(func(o omitting) omitting { o.H[1] = 0; return o })},
		{Name: "has a name in capitals", Cases: []string{"C107"}, wrap: func(c codecs.Codec) codecs.Codec { return &tap{Codec: c, name: strings.ToUpper(c.Name())} }},
		{Name: "has parameters in its media type", Cases: []string{"C107"}, wrap: func(c codecs.Codec) codecs.Codec {
			return &tap{Codec: c, media: c.ContentType() + "; charset=utf-8"}
		}},
	}
}

func refusalFaults() []Fault {
	return []Fault{
		{Name: "refuses no type before its first message", Cases: []string{"C021", "C109"}, wrap: func(c codecs.Codec) codecs.Codec {
			return &tap{Codec: c, check: func(codecs.TypeChecker, reflect.Type) error { return nil }}
		}},
		{Name: "does not say which field a type is refused for", Cases: []string{"C021", "C109"}, wrap: changingErrors(func(err *codecs.Error) error { err.Path = ""; return err })},
		{Name: "writes what it refused", Cases: []string{"C113"}, wrap: appending(func(next codecs.Codec, dst []byte, v any) ([]byte, error) {
			out, err := next.Append(dst, v)
			if errors.Is(err, codecs.ErrUnsupported) {
				return append(dst, "null"...), nil
			}
			return out, err
		})},
		{Name: "drops nil items", Cases: []string{"C112"}, wrap: writing(func(v reflect.Value) {
			if l, ok := v.Addr().Interface().(*[]*point); ok {
				*l = slices.DeleteFunc(*l, func(p *point) bool { return p == nil })
			}
		})},
		{Name: "writes times of any year", Cases: []string{"C112"}, wrap: writing(func(v reflect.Value) {
			if t, ok := v.Addr().Interface().(*time.Time); ok && (t.UTC().Year() < 1 || t.UTC().Year() > 9999) {
				*t = time.Time{}
			}
		})},
		{Name: "prints what a user's method said", Cases: []string{"C112"}, wrap: changingErrors(func(err *codecs.Error) error {
			err.Err = fmt.Errorf("%w: %s", err.Err, secret)
			return err
		})},
		{Name: "does not say where a value is refused", Cases: []string{"C008", "C112"}, wrap: changingErrors(func(err *codecs.Error) error { err.Path = ""; return err })},
		{Name: "demands numbers", Cases: []string{"C114"}, Except: NeedsNumbers, wrap: func(c codecs.Codec) codecs.Codec {
			return &tap{Codec: c, check: func(next codecs.TypeChecker, t reflect.Type) error {
				if t == reflect.TypeFor[byName]() {
					return &codecs.Error{Op: "check", Codec: c.Name(), Err: codecs.ErrUnsupported}
				}
				return next.CheckType(t)
			}}
		}},
	}
}
