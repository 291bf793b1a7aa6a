package xmlcodec

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// nameStart has the runes above ASCII with which a name may begin, in pairs of
// first and last (XML 1.0, fifth edition, production 4).
var nameStart = [...]rune{
	0xC0, 0xD6, 0xD8, 0xF6, 0xF8, 0x2FF, 0x370, 0x37D, 0x37F, 0x1FFF, 0x200C, 0x200D, 0x2070, 0x218F,
	0x2C00, 0x2FEF, 0x3001, 0xD7FF, 0xF900, 0xFDCF, 0xFDF0, 0xFFFD, 0x10000, 0xEFFFF,
}

// nameRest has those that may only follow.
var nameRest = [...]rune{0xB7, 0xB7, 0x300, 0x36F, 0x203F, 0x2040}

// plainNames has letters that every edition of XML 1.0 allows in names. Parsers
// of the fourth edition (expat, encoding/xml) know fewer letters than those of
// the fifth, so others are escaped when written.
var plainNames = [...]rune{
	0xC0, 0xD6, 0xD8, 0xF6, 0xF8, 0x131, 0x134, 0x13E, 0x141, 0x148, 0x14A, 0x17E, 0x388, 0x38A, 0x38E, 0x3A1, 0x3A3, 0x3CE,
	0x401, 0x40C, 0x40E, 0x44F, 0x451, 0x45C, 0x5D0, 0x5EA, 0x621, 0x63A, 0x641, 0x64A, 0x3041, 0x3094, 0x30A1, 0x30FA,
	0x4E00, 0x9FA5, 0xAC00, 0xD7A3,
}

func within(r rune, pairs []rune) bool {
	for i := 0; i < len(pairs); i += 2 {
		if r >= pairs[i] && r <= pairs[i+1] {
			return true
		}
	}
	return false
}

func isASCIILetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// isName reports whether b, which is UTF-8, is a name with at most one colon,
// inside it: a QName of Namespaces in XML.
func isName(b []byte) bool {
	prefix, local, found := bytes.Cut(b, []byte(":"))
	return isLocal(prefix) && (!found || isLocal(local))
}

// isLocal reports whether b is a name without colon.
func isLocal(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	if c := b[0]; c < utf8.RuneSelf && c != '_' && !isASCIILetter(c) {
		return false
	}
	for i := 0; i < len(b); {
		if c := b[i]; c < utf8.RuneSelf {
			if c == ':' || classes[c]&inName == 0 {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if !within(r, nameStart[:]) && (i == 0 || !within(r, nameRest[:])) {
			return false
		}
		i += size
	}
	return true
}

// wireName is the element name of a field. What is no XML name everywhere is
// escaped as SQL/XML has it: _x00B5_ for U+00B5; so are names that begin with
// "xml", which the specification reserves, and what looks like an escape.
func wireName(name string) string {
	var b strings.Builder
	for i, r := range name {
		switch {
		case i == 0 && len(name) >= 3 && strings.EqualFold(name[:3], "xml"),
			r == '_' && looksEscaped(name[i:]),
			r >= utf8.RuneSelf && !within(r, plainNames[:]):
			b.WriteString(escapeRune(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func escapeRune(r rune) string {
	const short, long = 4, 6
	digits, hex := short, strings.ToUpper(strconv.FormatInt(int64(r), 16))
	if r > 0xFFFF {
		digits = long
	}
	return "_x" + strings.Repeat("0", digits-len(hex)) + hex + "_"
}

// looksEscaped reports whether s begins as an escape does.
func looksEscaped(s string) bool {
	if len(s) < len("_x0000") || s[1] != 'x' {
		return false
	}
	return strings.Trim(s[2:6], "0123456789abcdefABCDEF") == ""
}
