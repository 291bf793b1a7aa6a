package xmlcodec

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/polywire/polywire/codecs"
)

// A scanner reads the syntax of one document: next says what comes, and one of
// chars, start and end reads it. It knows no document types, no entities but the
// five, and no encoding but UTF-8, so nothing in a document grows or reaches out.
//
// What it accepts, encoding/xml accepts, and reads the same from it, but for
// letters in names that XML 1.0 has allowed since its fifth edition.
type scanner struct {
	src      []byte
	pos      int
	limits   codecs.Limits
	elements int         // counted so far, by the decoder too
	attrs    []attribute // of the tag read last
	scopes   []binding   // the namespace declarations of the open elements
	space    []byte      // the namespace of the root
}

// A kind is what comes next.
type kind uint8

const (
	atEnd   kind = iota // of the input
	atText              // characters, a reference or a CDATA section
	atStart             // a start tag, or an empty element's
	atStop              // an end tag
)

var (
	errTrailing    = errors.New("more than one value; want the end of the input")
	errOutside     = errors.New("text outside the root element")
	errDirective   = errors.New("a document type or another declaration; send the document without")
	errDeclaration = errors.New("malformed XML declaration; want version 1.0 and the encoding UTF-8, at the very start")
	errInstruction = errors.New("malformed processing instruction")
	errComment     = errors.New("two hyphens inside a comment")
	errChar        = errors.New("a character that XML does not allow")
	errReference   = errors.New("a reference that is neither to a character nor one of lt, gt, amp, quot, apos")
	errCDATA       = errors.New("the end of a CDATA section outside of one")
	errClose       = errors.New("an end tag that does not match the start tag")
)

const (
	cdataOpen, cdataShut       = "<![CDATA[", "]]>"
	commentOpen, commentShut   = "<!--", "-->"
	declarationOpen, instrShut = "<?xml", "?>"
	byteOrderMark              = "\uFEFF"
)

// begin checks the encoding and reads what may stand before the root element.
func (s *scanner) begin() error {
	if !utf8.Valid(s.src) {
		s.pos = invalidAt(s.src)
		return errUTF8
	}
	if s.has(byteOrderMark) {
		s.pos += len(byteOrderMark)
	}
	if s.has(declarationOpen) && len(s.src) > s.pos+len(declarationOpen) && isBlank(s.src[s.pos+len(declarationOpen)]) {
		if err := s.declaration(); err != nil {
			return err
		}
	}
	k, err := s.outside()
	switch {
	case err != nil:
		return err
	case k == atEnd:
		return io.ErrUnexpectedEOF
	case k == atStop:
		return errClose
	}
	return nil
}

// finish reads what may stand after the root element.
func (s *scanner) finish() error {
	k, err := s.outside()
	if err == nil && k != atEnd || errors.Is(err, errOutside) {
		return errTrailing
	}
	return err
}

// outside reads what is no element, where text has no place.
func (s *scanner) outside() (kind, error) {
	for {
		s.blanks()
		k, err := s.next()
		switch {
		case err != nil || k != atText:
			return k, err
		case !isBlank(s.src[s.pos]): // as it may be after a comment
			return atText, errOutside
		}
	}
}

// invalidAt returns where src stops being UTF-8.
func invalidAt(src []byte) int {
	for i := 0; i < len(src); {
		r, size := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(src)
}

func isBlank(c byte) bool { return classes[c]&isSpace != 0 }

// blanks skips white space and reports whether there was any.
func (s *scanner) blanks() bool {
	at := s.pos
	for s.pos < len(s.src) && isBlank(s.src[s.pos]) {
		s.pos++
	}
	return s.pos > at
}

// has reports whether text comes next.
func (s *scanner) has(text string) bool {
	return len(s.src)-s.pos >= len(text) && string(s.src[s.pos:s.pos+len(text)]) == text
}

// next returns what comes next. It has read comments and processing
// instructions then, and nothing else.
func (s *scanner) next() (kind, error) {
	for {
		rest := s.src[s.pos:]
		switch {
		case len(rest) == 0:
			return atEnd, nil
		case rest[0] != '<':
			return atText, nil
		case len(rest) == 1:
			return atEnd, io.ErrUnexpectedEOF
		case rest[1] == '/':
			return atStop, nil
		case rest[1] == '?':
			if err := s.instruction(); err != nil {
				return atEnd, err
			}
		case rest[1] != '!':
			return atStart, nil
		case s.has(cdataOpen):
			return atText, nil
		case s.has(commentOpen):
			if err := s.comment(); err != nil {
				return atEnd, err
			}
		case strings.HasPrefix(cdataOpen, string(rest[:min(len(rest), len(cdataOpen))])), len(rest) == len("<!-") && rest[2] == '-':
			return atEnd, io.ErrUnexpectedEOF
		default:
			return atEnd, errDirective
		}
	}
}

// one adds one to the elements of the document.
func (s *scanner) one() error {
	s.elements++
	return s.limits.CheckElements(s.elements)
}

// until reads up to and including mark and returns what was before it, which
// holds no forbidden characters.
func (s *scanner) until(mark string) ([]byte, error) {
	size := bytes.Index(s.src[s.pos:], []byte(mark))
	if size < 0 {
		return nil, io.ErrUnexpectedEOF
	}
	text := s.src[s.pos : s.pos+size]
	for i, c := range text {
		if class := classes[c]; class&(special|noChar) != 0 && (class&noChar != 0 || isFFFE(text[i:])) {
			s.pos += i
			return nil, errChar
		}
	}
	s.pos += size + len(mark)
	return text, nil
}

func (s *scanner) comment() error {
	at := s.pos
	s.pos += len(commentOpen)
	text, err := s.until("--")
	if err != nil {
		return err
	}
	if s.pos == len(s.src) {
		return io.ErrUnexpectedEOF
	}
	if s.src[s.pos] != '>' {
		s.pos = at + len(commentOpen) + len(text)
		return errComment
	}
	s.pos++
	return s.one()
}

// instruction reads a processing instruction. Its target may not be "xml" in any
// case: the declaration has been read by now.
func (s *scanner) instruction() error {
	at := s.pos
	s.pos += len("<?")
	target := s.name()
	if s.pos == len(s.src) {
		return io.ErrUnexpectedEOF
	}
	if !isLocal(target) || strings.EqualFold(string(target), "xml") {
		s.pos = at
		return errInstruction
	}
	if !isBlank(s.src[s.pos]) && !s.has(instrShut) && string(s.src[s.pos:]) != "?" {
		return errInstruction
	}
	if _, err := s.until(instrShut); err != nil {
		return err
	}
	return s.one()
}

// declaration reads <?xml version="1.0" encoding="UTF-8" standalone="yes"?>, of
// which the last two may be missing.
func (s *scanner) declaration() error {
	at := s.pos
	s.pos += len(declarationOpen)
	text, err := s.until(instrShut)
	if err != nil {
		return err
	}
	rest, ok := pseudo(text, "version", func(v string) bool { return v == "1.0" })
	if after, found := pseudo(rest, "encoding", func(v string) bool { return strings.EqualFold(v, "utf-8") }); ok && found {
		rest = after
	}
	if after, found := pseudo(rest, "standalone", func(v string) bool { return v == "yes" || v == "no" }); ok && found {
		rest = after
	}
	if !ok || len(bytes.Trim(rest, blanks)) > 0 {
		s.pos = at
		return errDeclaration
	}
	return nil
}

// pseudo reads name="value" after white space, and returns what follows it.
func pseudo(text []byte, name string, valid func(string) bool) (rest []byte, ok bool) {
	t := bytes.TrimLeft(text, blanks)
	if len(t) == len(text) || !bytes.HasPrefix(t, []byte(name)) {
		return text, false
	}
	t = bytes.TrimLeft(t[len(name):], blanks)
	if len(t) == 0 || t[0] != '=' {
		return text, false
	}
	t = bytes.TrimLeft(t[1:], blanks)
	if len(t) == 0 || t[0] != '"' && t[0] != '\'' {
		return text, false
	}
	value, rest, closed := bytes.Cut(t[1:], t[:1])
	return rest, closed && valid(string(value))
}

// name reads the bytes that names may have. The caller checks them.
func (s *scanner) name() []byte {
	at := s.pos
	for s.pos < len(s.src) && classes[s.src[s.pos]]&inName != 0 {
		s.pos++
	}
	return s.src[at:s.pos]
}

// end reads the end tag of the element of that name.
func (s *scanner) end(name []byte) error {
	at := s.pos
	s.pos += len("</")
	if got := s.name(); !bytes.Equal(got, name) {
		if s.pos == len(s.src) {
			return io.ErrUnexpectedEOF
		}
		s.pos = at
		return errClose
	}
	s.blanks()
	if s.pos == len(s.src) {
		return io.ErrUnexpectedEOF
	}
	if s.src[s.pos] != '>' {
		return errTag
	}
	s.pos++
	return nil
}

// run returns how many bytes at the start of b are text that means itself.
func run(b []byte) int {
	for i, c := range b {
		if classes[c]&special != 0 {
			return i
		}
	}
	return len(b)
}

// chars appends what a run of text or a CDATA section says.
func (s *scanner) chars(dst []byte) ([]byte, error) {
	if s.has(cdataOpen) {
		s.pos += len(cdataOpen)
		text, err := s.until(cdataShut)
		return appendLines(dst, text), err
	}
	for s.pos < len(s.src) {
		rest := s.src[s.pos:]
		plain := run(rest)
		dst = append(dst, rest[:plain]...)
		s.pos += plain
		rest = rest[plain:]
		if len(rest) == 0 || rest[0] == '<' {
			break
		}
		if rest[0] == '>' && bytes.HasSuffix(s.src[:s.pos], []byte("]]")) {
			return dst, errCDATA
		}
		var n int
		var err error
		if dst, n, err = character(dst, rest); err != nil {
			return dst, err
		}
		s.pos += n
	}
	return dst, nil
}

// appendLines appends text, whose line ends may be those of any system, with a
// line feed for each.
func appendLines(dst, text []byte) []byte {
	for {
		i := bytes.IndexByte(text, '\r')
		if i < 0 {
			return append(dst, text...)
		}
		dst = append(append(dst, text[:i]...), '\n')
		text = bytes.TrimPrefix(text[i+1:], []byte("\n"))
	}
}

// character appends the character that src begins with, which is of class
// special, and returns how many bytes of src it took.
func character(dst, src []byte) ([]byte, int, error) {
	switch c := src[0]; {
	case c == '&':
		r, n := reference(src)
		if n == 0 {
			return dst, 0, errReference
		}
		return utf8.AppendRune(dst, r), n, nil
	case c == '\r':
		n := 1
		if len(src) > 1 && src[1] == '\n' {
			n = 2
		}
		return append(dst, '\n'), n, nil
	case classes[c]&noChar != 0 || isFFFE(src):
		return dst, 0, errChar
	default:
		return append(dst, c), 1, nil
	}
}

// reference reads &#38; or &amp; at the start of src and returns the character
// and the number of bytes, or 0 for what is no reference.
func reference(src []byte) (r rune, size int) {
	end := bytes.IndexByte(src, ';')
	if end < 0 {
		return 0, 0
	}
	body := src[1:end]
	if len(body) > 1 && body[0] == '#' {
		r = number(body[1:])
	} else {
		switch string(body) {
		case "lt":
			r = '<'
		case "gt":
			r = '>'
		case "amp":
			r = '&'
		case "quot":
			r = '"'
		case "apos":
			r = '\''
		}
	}
	if !isChar(r) {
		return 0, 0
	}
	return r, end + 1
}

// number reads the digits of a reference to a character; 0 is what is none.
func number(digits []byte) (r rune) {
	base := rune(10)
	if digits[0] == 'x' {
		base, digits = 16, digits[1:]
	}
	for _, c := range digits {
		var d rune
		switch {
		case c >= '0' && c <= '9':
			d = rune(c - '0')
		case base == 16 && isASCIILetter(c) && c|0x20 <= 'f':
			d = rune(c|0x20-'a') + 10
		default:
			return 0
		}
		if r = r*base + d; r > utf8.MaxRune {
			return 0
		}
	}
	return r
}

// isChar reports whether XML 1.0 has the character r.
func isChar(r rune) bool {
	switch {
	case r < ' ':
		return r == '\t' || r == '\n' || r == '\r'
	default:
		return utf8.ValidRune(r) && r != 0xFFFE && r != 0xFFFF
	}
}
