package protocodec

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/polywire/polywire/internal/shape"
	"google.golang.org/protobuf/encoding/protowire"
)

// A Lock gives numbers to the fields of plain structs whose tags give none. Its
// text, for a file beside the code, has a line for each field:
//
//	example.com/shop/api.Order customer 2
//
// A line is never changed or removed, also when its field is gone: its number must
// not come back with another meaning. The zero value has no numbers.
type Lock struct {
	types map[string]map[string]protowire.Number // type, field
}

// ParseLock reads the text of a Lock. Empty lines and those that start with # are
// comments.
func ParseLock(text []byte) (*Lock, error) {
	l := new(Lock)
	at := 0
	for line := range strings.Lines(string(text)) {
		at++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if err := l.parseLine(line); err != nil {
			return nil, fmt.Errorf("protocodec: line %d of the lock: %w", at, err)
		}
	}
	return l, nil
}

func (l *Lock) parseLine(line string) error {
	words := strings.Fields(line)
	if len(words) < 3 {
		return errors.New("want a type, the name of a field and its number")
	}
	last := len(words) - 1
	typ, name := strings.Join(words[:last-1], " "), words[last-1]
	n, err := strconv.Atoi(words[last])
	if err != nil || !validNumber(protowire.Number(n)) || int(protowire.Number(n)) != n {
		return errors.New("want a number of 1 to 536870911 outside 19000 to 19999")
	}
	if l.types[typ][name] != 0 {
		return fmt.Errorf("%s %s stands there twice", typ, name)
	}
	if other := l.owner(typ, protowire.Number(n)); other != "" {
		return fmt.Errorf("%s and %s of %s share the number %d", other, name, typ, n)
	}
	l.set(typ, name, protowire.Number(n))
	return nil
}

func (l *Lock) set(typ, name string, n protowire.Number) {
	if l.types == nil {
		l.types = make(map[string]map[string]protowire.Number)
	}
	if l.types[typ] == nil {
		l.types[typ] = make(map[string]protowire.Number)
	}
	l.types[typ][name] = n
}

// Number returns the number of a field, by the name that it has on the wire, of the
// struct type t, or zero for what is not in the lock. By it the description of a
// service holds the numbers of a lock (Service.WithNumbers of package contract).
func (l *Lock) Number(t reflect.Type, field string) int { return int(l.types[lockName(t)][field]) }

// owner returns the name of the field that has or had the number n, or "".
func (l *Lock) owner(typ string, n protowire.Number) string {
	for name, number := range l.types[typ] {
		if number == n {
			return name
		}
	}
	return ""
}

// Text returns what ParseLock reads, in the order of types and numbers.
func (l *Lock) Text() []byte {
	text := []byte("# Field numbers of Protobuf. Lines are added, never changed or removed.\n")
	for _, typ := range slices.Sorted(maps.Keys(l.types)) {
		fields := l.types[typ]
		names := slices.SortedFunc(maps.Keys(fields), func(a, b string) int { return cmp.Compare(fields[a], fields[b]) })
		for _, name := range names {
			text = fmt.Appendf(text, "%s %s %d\n", typ, name, fields[name])
		}
	}
	return text
}

// Add gives numbers to all fields of the types, and of the structs in them, that
// have none yet, in the order of their declaration. It returns those fields.
func (l *Lock) Add(types ...reflect.Type) (added []string, err error) {
	var shapes shape.Cache
	seen := make(map[*shape.Shape]bool)
	for _, t := range types {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if isMessage(t) {
			continue
		}
		s, err := shapes.Of(t)
		if err != nil {
			return nil, fail("check", -1, err)
		}
		more, err := l.addShape(s, seen)
		if err != nil {
			return nil, fail("check", -1, err)
		}
		added = append(added, more...)
	}
	return added, nil
}

func (l *Lock) addShape(s *shape.Shape, seen map[*shape.Shape]bool) (added []string, err error) {
	if s == nil || seen[s] {
		return nil, nil
	}
	seen[s] = true
	parts := []*shape.Shape{s.Key, s.Elem}
	if s.Kind == shape.Struct {
		if added, err = l.addFields(s); err != nil {
			return nil, err
		}
		for i := range s.Fields {
			parts = append(parts, s.Fields[i].Shape)
		}
	}
	for _, part := range parts {
		more, err := l.addShape(part, seen)
		if err != nil {
			return nil, err
		}
		added = append(added, more...)
	}
	return added, nil
}

func (l *Lock) addFields(s *shape.Shape) (added []string, err error) {
	typ := lockName(s.Type)
	next := protowire.Number(1)
	for _, n := range l.types[typ] {
		next = max(next, n+1)
	}
	for i := range s.Fields {
		next = max(next, protowire.Number(s.Fields[i].Number)+1)
	}
	for i := range s.Fields {
		f := &s.Fields[i]
		if f.Number != 0 || l.types[typ][f.Name] != 0 {
			continue
		}
		if typ == "" {
			return nil, shape.InField(errNoName, f.GoName)
		}
		for !validNumber(next) && next <= protowire.MaxValidNumber {
			next++
		}
		l.set(typ, f.Name, next)
		added = append(added, typ+" "+f.Name)
		next++
	}
	return added, nil
}

var errNoName = shape.Unsupported("the struct has no name, by which a lock could know it; give it one, or its fields numbers")

// lockName returns the name by which a Lock knows a struct type, or "".
func lockName(t reflect.Type) string {
	if t.Name() == "" {
		return ""
	}
	return t.PkgPath() + "." + t.Name()
}

// validNumber reports whether Protobuf allows the field number n.
func validNumber(n protowire.Number) bool {
	return n >= 1 && n <= protowire.MaxValidNumber && (n < protowire.FirstReservedNumber || n > protowire.LastReservedNumber)
}

// numbers returns those of the fields of a Struct: of its tag, else of the lock,
// which may be nil.
func (l *Lock) numbers(s *shape.Shape) ([]protowire.Number, error) {
	if l == nil {
		l = new(Lock)
	}
	typ := lockName(s.Type)
	numbers := make([]protowire.Number, len(s.Fields))
	owners := make(map[protowire.Number]string)
	for i := range s.Fields {
		f := &s.Fields[i]
		n := protowire.Number(f.Number)
		if n == 0 {
			n = l.types[typ][f.Name]
		}
		if n == 0 {
			return nil, shape.InField(shape.Unsupported(fmt.Sprintf(
				"the field has no number; tag it `wire:\"%s,N\"`, or record all in a lock file (protocodec.LockFile)", f.Name)), f.GoName)
		}
		other := cmp.Or(owners[n], l.owner(typ, n))
		if other != "" && other != f.Name {
			return nil, shape.InField(shape.Unsupported(fmt.Sprintf("the number %d is that of %s; take another", n, other)), f.GoName)
		}
		numbers[i], owners[n] = n, f.Name
	}
	return numbers, nil
}

// LockFile reads the lock file at path for WithLock, and fails if fields of types
// are not in it. With write it adds them first, and makes the file if there is
// none: so a test with a flag keeps the file true, and a program embeds it.
func LockFile(path string, write bool, types ...reflect.Type) (*Lock, error) {
	text, err := os.ReadFile(path)
	if err != nil && !(write && errors.Is(err, fs.ErrNotExist)) {
		return nil, fmt.Errorf("protocodec: read the lock: %w", err)
	}
	l, err := ParseLock(text)
	if err != nil {
		return nil, err
	}
	added, err := l.Add(types...)
	switch {
	case err != nil:
		return nil, err
	case len(added) == 0:
		return l, nil
	case !write:
		return nil, fmt.Errorf("protocodec: %s has no number for %s and %d fields more: write it", path, added[0], len(added)-1)
	}
	if err := os.WriteFile(path, l.Text(), 0o644); err != nil {
		return nil, fmt.Errorf("protocodec: write the lock: %w", err)
	}
	return l, nil
}
