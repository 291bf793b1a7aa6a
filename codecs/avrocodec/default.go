package avrocodec

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// What a default may be at most.
const (
	maxDefaultBytes = 64 << 10
	maxDefaultDepth = 64
)

var errDefaultSize = errors.New("the default is too large")

// encodeDefault appends the default def of a field as Avro writes it: of a union
// as its first branch; of bytes each letter is one byte.
func encodeDefault(dst []byte, n *node, def any, depth int) ([]byte, error) {
	if depth > maxDefaultDepth || len(dst) > maxDefaultBytes {
		return dst, errDefaultSize
	}
	switch v := def.(type) {
	case nil:
		if n.kind == isNull {
			return dst, nil
		}
	case bool:
		if n.kind == isBoolean {
			return append(dst, map[bool]byte{true: 1}[v]), nil
		}
	case json.Number:
		if n.kind >= isInt && n.kind <= isDouble {
			return encodeNumber(dst, n, v)
		}
	case string:
		if out, ok := encodeText(dst, n, v); ok {
			return out, nil
		}
	case []any:
		if n.kind == isArray {
			return encodeItems(dst, n, v, depth)
		}
	case map[string]any:
		switch n.kind {
		case isMap:
			return encodeEntries(dst, n, v, depth)
		case isRecord:
			return encodeFields(dst, n, v, depth)
		}
	}
	if n.kind == isUnion && len(n.branches) > 0 {
		return encodeDefault(append(dst, 0), n.branches[0], def, depth+1)
	}
	return dst, fmt.Errorf("the default of the schema is not of %s", n.kind)
}

func encodeNumber(dst []byte, n *node, v json.Number) ([]byte, error) {
	bits := 64
	if n.kind == isInt || n.kind == isFloat {
		bits = 32
	}
	if n.kind == isInt || n.kind == isLong {
		i, err := strconv.ParseInt(v.String(), 10, bits)
		if err != nil {
			return dst, fmt.Errorf("the default of the schema is no number of %s", n.kind)
		}
		return appendLong(dst, i), nil
	}
	f, err := strconv.ParseFloat(v.String(), bits)
	if err != nil {
		return dst, fmt.Errorf("the default of the schema is no number of %s", n.kind)
	}
	if bits == 32 {
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(f))), nil
	}
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f)), nil
}

func encodeText(dst []byte, n *node, v string) ([]byte, bool) {
	switch n.kind {
	case isString:
		dst = appendLong(dst, int64(len(v)))
		return append(dst, v...), true
	case isEnum:
		i := slices.Index(n.symbols, v)
		return appendLong(dst, int64(i)), i >= 0
	case isBytes:
		dst = appendLong(dst, int64(utf8.RuneCountInString(v)))
	case isFixed:
		if utf8.RuneCountInString(v) != n.size {
			return dst, false
		}
	default:
		return dst, false
	}
	for _, r := range v {
		if r > 0xff {
			return dst, false
		}
		dst = append(dst, byte(r))
	}
	return dst, true
}

func encodeItems(dst []byte, n *node, items []any, depth int) (_ []byte, err error) {
	if len(items) > 0 {
		dst = appendLong(dst, int64(len(items)))
	}
	for _, item := range items {
		if dst, err = encodeDefault(dst, n.items, item, depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

func encodeEntries(dst []byte, n *node, entries map[string]any, depth int) (_ []byte, err error) {
	keys := make([]string, 0, len(entries))
	for key := range entries {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	if len(keys) > 0 {
		dst = appendLong(dst, int64(len(keys)))
	}
	for _, key := range keys {
		dst = append(appendLong(dst, int64(len(key))), key...)
		if dst, err = encodeDefault(dst, n.items, entries[key], depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

// encodeFields takes what the default of a record does not name from the defaults
// of its fields.
func encodeFields(dst []byte, n *node, v map[string]any, depth int) (_ []byte, err error) {
	for i := range n.fields {
		f := &n.fields[i]
		def, ok := v[f.name]
		if !ok && !f.hasDef {
			return dst, fmt.Errorf("the default of the schema has no field %s", f.name)
		}
		if !ok {
			def = f.def
		}
		if dst, err = encodeDefault(dst, f.node, def, depth+1); err != nil {
			return dst, err
		}
	}
	return dst, nil
}
