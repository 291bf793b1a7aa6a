package conformance_test

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A one is a struct of one field, as most types of values.json are.
type one[T any] struct {
	V T `wire:"v,1"`
}

type vectorPoint struct {
	X     int32   `wire:"x,1"`
	Label *string `wire:"label,2"`
}

// A decimal is text that says how it reads and writes itself, as numbers of a fixed point do.
type decimal struct{ text string }

func (d decimal) MarshalText() ([]byte, error)     { return []byte(d.text), nil }
func (d *decimal) UnmarshalText(text []byte) error { d.text = string(text); return nil }

// vectorTypes are those of values.json. It is never written to.
var vectorTypes = map[string]reflect.Type{
	"Bool": reflect.TypeFor[one[bool]](), "Int8": reflect.TypeFor[one[int8]](), "Int32": reflect.TypeFor[one[int32]](), "Int64": reflect.TypeFor[one[int64]](),
	"Uint32": reflect.TypeFor[one[uint32]](), "Uint64": reflect.TypeFor[one[uint64]](), "Float32": reflect.TypeFor[one[float32]](),
	"Float64": reflect.TypeFor[one[float64]](), "String": reflect.TypeFor[one[string]](), "Bytes": reflect.TypeFor[one[[]byte]](),
	"Time": reflect.TypeFor[one[time.Time]](), "Duration": reflect.TypeFor[one[time.Duration]](), "Text": reflect.TypeFor[one[decimal]](),
	"Integers": reflect.TypeFor[one[[]int64]](), "Strings": reflect.TypeFor[one[[]string]](), "Grid": reflect.TypeFor[one[[][]int32]](),
	"ByName": reflect.TypeFor[one[map[string]int64]](), "ByNumber": reflect.TypeFor[one[map[int64]string]](), "ByTruth": reflect.TypeFor[one[map[bool]string]](),
	"Point": reflect.TypeFor[vectorPoint](), "Optional": reflect.TypeFor[one[*vectorPoint]](), "Points": reflect.TypeFor[one[[]vectorPoint]](),
}

// canonical is v as values.json writes it; vectors.py tells how that is.
func canonical(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case time.Time:
		return fmt.Sprintf("%d:%d", x.Unix(), x.Nanosecond())
	case decimal:
		return x.text
	case []byte:
		return hex.EncodeToString(x)
	case float32:
		if x != x {
			return "NaN"
		}
		return fmt.Sprintf("%08x", math.Float32bits(x))
	case float64:
		if math.IsNaN(x) {
			return "NaN"
		}
		return fmt.Sprintf("%016x", math.Float64bits(x))
	}
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.String:
		return v.String()
	case reflect.Slice:
		list := []any{}
		for i := range v.Len() {
			list = append(list, canonical(v.Index(i)))
		}
		return list
	case reflect.Map:
		pairs := []any{}
		for k, e := range v.Seq2() {
			pairs = append(pairs, []any{fmt.Sprint(k.Interface()), canonical(e)})
		}
		slices.SortFunc(pairs, func(a, b any) int { return cmp.Compare(a.([]any)[0].(string), b.([]any)[0].(string)) })
		return pairs
	case reflect.Struct:
		fields := map[string]any{}
		for f, e := range structFields(v) {
			if e.Kind() != reflect.Pointer {
				fields[f] = canonical(e)
			} else if !e.IsNil() {
				fields[f] = canonical(e.Elem())
			}
		}
		return fields
	}
	if v.CanUint() {
		return strconv.FormatUint(v.Uint(), 10)
	}
	return strconv.FormatInt(v.Int(), 10)
}

// structFields are those of v by their names on the wire.
func structFields(v reflect.Value) map[string]reflect.Value {
	fields := make(map[string]reflect.Value)
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("wire"), ",")
		fields[name] = v.Field(i)
	}
	return fields
}

// goValue is the value of v in Go. Whoever calls it compares what comes of it by canonical.
func goValue(t testing.TB, v vector) reflect.Value {
	t.Helper()
	out := reflect.New(vectorTypes[v.Type]).Elem()
	if err := setValue(out, v.Value); err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	return out
}

func setValue(out reflect.Value, from any) error {
	switch from := from.(type) {
	case bool:
		out.SetBool(from)
	case string:
		return setText(out, from)
	case map[string]any:
		if out.Kind() == reflect.Pointer {
			out.Set(reflect.New(out.Type().Elem()))
			out = out.Elem()
		}
		fields := structFields(out)
		for name, each := range from {
			if err := setValue(fields[name], each); err != nil {
				return err
			}
		}
	case []any:
		return setList(out, from)
	}
	return nil
}

func setList(out reflect.Value, from []any) error {
	if out.Kind() == reflect.Slice {
		out.Set(reflect.MakeSlice(out.Type(), len(from), len(from)))
		for i, each := range from {
			if err := setValue(out.Index(i), each); err != nil {
				return err
			}
		}
		return nil
	}
	out.Set(reflect.MakeMap(out.Type()))
	for _, pair := range from {
		k, e := reflect.New(out.Type().Key()).Elem(), reflect.New(out.Type().Elem()).Elem()
		if k.Kind() == reflect.Bool {
			k.SetBool(pair.([]any)[0] == "true")
		} else if err := setValue(k, pair.([]any)[0]); err != nil {
			return err
		}
		if err := setValue(e, pair.([]any)[1]); err != nil {
			return err
		}
		out.SetMapIndex(k, e)
	}
	return nil
}

// setText reads what values.json has as text.
func setText(out reflect.Value, text string) (err error) {
	var seconds, nanos int64
	switch p := out.Addr().Interface().(type) {
	case *time.Time:
		_, err = fmt.Sscanf(text, "%d:%d", &seconds, &nanos)
		*p = time.Unix(seconds, nanos).UTC()
		return err
	case *decimal:
		p.text = text
		return nil
	case *[]byte:
		*p, err = hex.DecodeString(text)
		return err
	}
	switch out.Kind() {
	case reflect.String:
		out.SetString(text)
	case reflect.Pointer:
		out.Set(reflect.New(out.Type().Elem()))
		return setText(out.Elem(), text)
	case reflect.Float32, reflect.Float64:
		return setFloat(out, text)
	case reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, 64)
		out.SetUint(n)
		return err
	default:
		n, err := strconv.ParseInt(text, 10, 64)
		out.SetInt(n)
		return err
	}
	return nil
}

func setFloat(out reflect.Value, text string) error {
	if text == "NaN" {
		out.SetFloat(math.NaN())
		return nil
	}
	bits, err := strconv.ParseUint(text, 16, 64)
	if out.Kind() == reflect.Float32 {
		out.SetFloat(float64(math.Float32frombits(uint32(bits))))
	} else {
		out.SetFloat(math.Float64frombits(bits))
	}
	return err
}
