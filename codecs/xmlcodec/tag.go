package xmlcodec

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/polywire/polywire/codecs"
)

// A tag is a start tag, with what its attributes say to the codec. Its slices
// are parts of the input.
type tag struct {
	name  []byte // as written
	local []byte // without prefix
	scope int    // how many namespace declarations were in force before it
	empty bool   // <a/>

	foreign bool // in another namespace than the root
	null    bool // xsi:nil="true"
	mark    mark // of its text
	keyed   bool // it has a key
	keyMark mark
	rawKey  []byte // not expanded
}

// prefix returns the prefix of the name, which is empty if it has none.
func (t *tag) prefix() []byte { return t.name[:max(0, len(t.name)-len(t.local)-1)] }

// A mark is what an attribute says about the encoding of a text.
type mark uint8

const (
	noMark mark = iota
	base64Mark
	otherMark
)

// An attribute is one of a start tag.
type attribute struct {
	name   []byte
	prefix int    // the length of the prefix; 0 without
	value  []byte // not expanded
	space  []byte // of the prefix, once it is known
}

// A binding is a namespace declaration.
type binding struct {
	prefix []byte // empty for the default
	space  []byte
}

// The names that tags are looked at for.
const (
	attrKey         = "key"
	attrKeyEncoding = "key-encoding"
	attrEncoding    = "encoding"
	attrNil         = "nil"

	xmlPrefix, xmlSpace     = "xml", "http://www.w3.org/XML/1998/namespace"
	xmlnsPrefix, xmlnsSpace = "xmlns", "http://www.w3.org/2000/xmlns/"
	xsiSpace                = "http://www.w3.org/2001/XMLSchema-instance"
)

// Attributes of a tag are compared with one another, and prefixes looked up one
// by one, so there are not many.
const (
	maxAttrs  = 128
	maxScopes = 64
)

var (
	errTag       = errors.New("malformed tag")
	errName      = errors.New("a name that is no XML name")
	errAttr      = errors.New("malformed attribute")
	errAttrTwice = errors.New("one attribute twice in a tag")
	errPrefix    = errors.New("a prefix that is not declared")
	errNamespace = errors.New("a namespace declaration that XML reserves or forbids")
	errNilValue  = errors.New("want xsi:nil to be true or false")

	errAttrs  = fmt.Errorf("%w: more than %d attributes in a tag", codecs.ErrLimit, maxAttrs)
	errScopes = fmt.Errorf("%w: more than %d namespace declarations in force", codecs.ErrLimit, maxScopes)
)

// start reads a start tag into t.
func (s *scanner) start(t *tag) error {
	s.pos++
	*t = tag{name: s.name(), scope: len(s.scopes)}
	if s.pos == len(s.src) {
		return io.ErrUnexpectedEOF
	}
	if !isName(t.name) {
		return errName
	}
	t.local = t.name
	if s.src[s.pos] == '>' && len(s.scopes) == 0 && bytes.IndexByte(t.name, ':') < 0 {
		s.pos++
		return nil
	}
	if err := s.attributes(t); err != nil {
		return err
	}
	if err := s.declare(); err != nil {
		return err
	}
	if err := s.resolve(t); err != nil {
		return err
	}
	return s.apply(t)
}

// attributes reads the rest of a start tag.
func (s *scanner) attributes(t *tag) error {
	s.attrs = s.attrs[:0]
	for {
		spaced := s.blanks()
		if s.pos == len(s.src) {
			return io.ErrUnexpectedEOF
		}
		switch c := s.src[s.pos]; {
		case c == '>':
			s.pos++
			return nil
		case c == '/':
			return s.endEmpty(t)
		case !spaced:
			return errTag
		case len(s.attrs) == maxAttrs:
			return errAttrs
		}
		if err := s.attribute(); err != nil {
			return err
		}
	}
}

func (s *scanner) endEmpty(t *tag) error {
	if s.pos++; s.pos == len(s.src) {
		return io.ErrUnexpectedEOF
	}
	if s.src[s.pos] != '>' {
		return errTag
	}
	s.pos++
	t.empty = true
	return nil
}

// attribute reads name="value".
func (s *scanner) attribute() error {
	a := attribute{name: s.name()}
	s.blanks()
	if s.pos == len(s.src) {
		return io.ErrUnexpectedEOF
	}
	if !isName(a.name) {
		return errName
	}
	if s.src[s.pos] != '=' {
		return errAttr
	}
	s.pos++
	s.blanks()
	if s.pos == len(s.src) {
		return io.ErrUnexpectedEOF
	}
	quote := s.src[s.pos]
	if quote != '"' && quote != '\'' {
		return errAttr
	}
	s.pos++
	size := bytes.IndexByte(s.src[s.pos:], quote)
	if size < 0 {
		return io.ErrUnexpectedEOF
	}
	a.value = s.src[s.pos : s.pos+size]
	if i, err := checkValue(a.value); err != nil {
		s.pos += i
		return err
	}
	for _, other := range s.attrs {
		if bytes.Equal(other.name, a.name) {
			return errAttrTwice
		}
	}
	s.pos += size + 1
	a.prefix = max(0, bytes.IndexByte(a.name, ':'))
	s.attrs = append(s.attrs, a)
	return nil
}

// checkValue returns where a value has what attributes may not hold.
func checkValue(value []byte) (at int, err error) {
	for i := 0; i < len(value); {
		i += run(value[i:])
		switch {
		case i == len(value):
			return 0, nil
		case value[i] == '<':
			return i, errAttr
		case value[i] == '&':
			_, n := reference(value[i:])
			if n == 0 {
				return i, errReference
			}
			i += n
		case classes[value[i]]&noChar != 0 || isFFFE(value[i:]):
			return i, errChar
		default:
			i++
		}
	}
	return 0, nil
}

// expand appends what a value says, which checkValue has passed: white space is
// spaces unless a reference wrote it.
func expand(dst, value []byte) []byte {
	for i := 0; i < len(value); {
		switch c := value[i]; {
		case c == '&':
			var n int
			dst, n, _ = character(dst, value[i:])
			i += n
			continue
		case c == '\r' && i+1 < len(value) && value[i+1] == '\n':
		case isBlank(c):
			dst = append(dst, ' ')
		default:
			dst = append(dst, c)
		}
		i++
	}
	return dst
}

// declare brings the namespace declarations of a tag into force.
func (s *scanner) declare() error {
	for i := range s.attrs {
		a := &s.attrs[i]
		var b binding
		switch {
		case a.prefix == 0 && string(a.name) == xmlnsPrefix:
		case string(a.name[:a.prefix]) == xmlnsPrefix:
			b.prefix = a.name[a.prefix+1:]
		default:
			continue
		}
		b.space = a.value
		if bytes.IndexByte(a.value, '&') >= 0 {
			b.space = expand(nil, a.value)
		}
		if len(s.scopes) == maxScopes {
			return errScopes
		}
		if !b.allowed() {
			return errNamespace
		}
		s.scopes = append(s.scopes, b)
	}
	return nil
}

// allowed reports whether Namespaces in XML 1.0 lets b be declared.
func (b binding) allowed() bool {
	switch string(b.prefix) {
	case xmlnsPrefix:
		return false
	case xmlPrefix:
		return string(b.space) == xmlSpace
	}
	isReserved := string(b.space) == xmlSpace || string(b.space) == xmlnsSpace
	return !isReserved && (len(b.prefix) == 0 || len(b.space) > 0)
}

// lookup returns the namespace of a prefix; nil and true is none at all.
func (s *scanner) lookup(prefix []byte) (space []byte, declared bool) {
	for i := len(s.scopes) - 1; i >= 0; i-- {
		if bytes.Equal(s.scopes[i].prefix, prefix) {
			return s.scopes[i].space, true
		}
	}
	if string(prefix) == xmlPrefix {
		return []byte(xmlSpace), true
	}
	return nil, len(prefix) == 0
}

// resolve finds the namespaces of a tag. The first is that of the root, and of
// all that belongs to it.
func (s *scanner) resolve(t *tag) error {
	if colon := bytes.IndexByte(t.name, ':'); colon > 0 {
		t.local = t.name[colon+1:]
	}
	space, ok := s.lookup(t.prefix())
	if !ok {
		return errPrefix
	}
	t.foreign = !bytes.Equal(space, s.space)
	return nil
}

// apply lets the attributes say what they say. Those that say nothing to the
// codec are skipped, as unknown elements are, and count as they do.
func (s *scanner) apply(t *tag) error {
	for i := range s.attrs {
		a := &s.attrs[i]
		known, err := false, error(nil)
		switch {
		case a.prefix == 0:
			known = t.own(a)
		case string(a.name[:a.prefix]) != xmlnsPrefix:
			if err = s.qualify(i); err == nil && string(a.space) == xsiSpace && string(a.name[a.prefix+1:]) == attrNil {
				known = true
				t.null, err = nilValue(a.value)
			}
		}
		if err == nil && !known {
			err = s.one()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// qualify finds the namespace of attribute i, which has a prefix, and fails if
// one before it is the same by another prefix.
func (s *scanner) qualify(i int) error {
	a := &s.attrs[i]
	space, ok := s.lookup(a.name[:a.prefix])
	if !ok {
		return errPrefix
	}
	a.space = space
	for j := range s.attrs[:i] {
		b := &s.attrs[j]
		if len(b.space) > 0 && bytes.Equal(b.name[b.prefix+1:], a.name[a.prefix+1:]) && bytes.Equal(b.space, space) {
			return errAttrTwice
		}
	}
	return nil
}

// own lets an attribute without prefix say what it says, if it is one of the
// codec's.
func (t *tag) own(a *attribute) (known bool) {
	switch string(a.name) {
	case attrKey:
		t.keyed, t.rawKey = true, a.value
	case attrKeyEncoding:
		t.keyMark = markOf(a.value)
	case attrEncoding:
		t.mark = markOf(a.value)
	default:
		return false
	}
	return true
}

func markOf(value []byte) mark {
	if string(value) == "base64" {
		return base64Mark
	}
	return otherMark
}

func nilValue(value []byte) (bool, error) {
	switch string(value) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, errNilValue
}
