package xmlcodec

// What a byte is, as bits. Text is UTF-8 where it matters, so a byte above ASCII
// is part of some character, and only U+FFFE and U+FFFF are none that XML allows;
// both begin with leadFFFE.
const (
	escText  uint8 = 1 << iota // written as a reference in text
	escAttr                    // written as a reference in attributes
	noChar                     // a control character that XML 1.0 cannot hold
	notASCII                   // part of a longer character
	special                    // ends a run of text that means itself
	inName                     // in names, the colon too
	isSpace                    // space, tab, line feed, carriage return
)

const leadFFFE = 0xEF

// classes has what each byte is.
//
//nolint:gochecknoglobals // a table, which nothing writes to
var classes = func() (t [256]uint8) {
	for i := range t {
		c := byte(i)
		switch {
		case c >= 0x80:
			t[c] = notASCII | inName
		case c < ' ':
			t[c] = noChar | special
		case isASCIILetter(c), c >= '0' && c <= '9', c == '_', c == '-', c == '.', c == ':':
			t[c] = inName
		}
	}
	t['\t'], t['\n'], t['\r'], t[' '] = escAttr|isSpace, escAttr|isSpace, escText|escAttr|special|isSpace, isSpace
	t['<'], t['>'], t['&'] = escText|escAttr|special, escText|escAttr|special, escText|escAttr|special
	t['"'] = escAttr
	t[leadFFFE] |= special
	return t
}()

// isFFFE reports whether b begins with U+FFFE or U+FFFF.
func isFFFE(b []byte) bool {
	return len(b) >= 3 && b[0] == leadFFFE && b[1] == 0xBF && b[2] >= 0xBE
}
