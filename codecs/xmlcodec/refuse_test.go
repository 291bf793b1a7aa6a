package xmlcodec

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/codecs"
	"google.golang.org/protobuf/types/known/structpb"
)

func TestCheckTypeNamesThePath(t *testing.T) {
	type line struct{ Price complex128 }
	type order struct {
		Lines []line
		Any   any `wire:"-"`
	}
	c := New()
	err := c.CheckType(reflect.TypeFor[*order]())
	const want = "xml: check xmlcodec.order.Lines[].Price: type cannot be carried: complex128 cannot be carried; " +
		"leave the field out with the tag `wire:\"-\"`"
	if !errors.Is(err, codecs.ErrUnsupported) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	var e *codecs.Error
	if !errors.As(err, &e) || e.Op != "check" || e.Codec != "xml" || e.Path != "xmlcodec.order.Lines[].Price" {
		t.Errorf("got %+v", e)
	}
	if err := c.CheckType(nil); err == nil {
		t.Error("a nil type is accepted")
	}
}

func TestAMessageInsideAStructIsRefused(t *testing.T) {
	type holder struct{ V *structpb.Value }
	if err := New().CheckType(reflect.TypeFor[holder]()); !errors.Is(err, codecs.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	type in struct {
		S  string
		L  []string
		M  map[string]string
		T  time.Time
		PP []*point
		MP map[string]*point
	}
	c := New()
	for _, tc := range []struct {
		rule  string
		value any
		want  string
	}{
		{"nil", nil, "xml: encode: the value is nil"},
		{"a nil pointer", (*point)(nil), "xml: encode: the value is a nil *xmlcodec.point"},
		{"invalid UTF-8", in{S: "a\xff"}, "xml: encode S: invalid UTF-8"},
		{"a surrogate in UTF-8", in{L: []string{"", "\xed\xa0\x80"}}, "xml: encode L[1]: invalid UTF-8"},
		{"invalid UTF-8 in a map", in{M: map[string]string{"s3cret": "\xff"}}, "xml: encode M[#0]: invalid UTF-8"},
		{"invalid UTF-8 in a key", in{M: map[string]string{"\xff": ""}}, "xml: encode M: a key is not valid UTF-8"},
		{"the year 0", in{T: time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC)}, "xml: encode T: the year is outside 1 to 9999 in UTC"},
		{"the year 10000 in UTC", in{T: time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200))}, "xml: encode T: the year is outside 1 to 9999 in UTC"},
		{"nil in a list", in{PP: []*point{{}, nil}}, "xml: encode PP[1]: nil has no place in a list or map; drop the item or use a value"},
		{"nil in a map", in{MP: map[string]*point{"s3cret": nil}}, "xml: encode MP[#0]: nil has no place in a list or map; drop the item or use a value"},
		{"two keys of one text", map[sameText]int{1: 1, 2: 2}, "xml: encode: two keys have one text"},
		{"a text that fails", []badText{{errors.New("s3cret")}}, "xml: encode [0]: MarshalText of xmlcodec.badText failed"},
		{"a type without shape", struct{ C chan int }{}, "xml: encode struct { C chan int }.C: type cannot be carried: " +
			"chan int cannot be carried; leave the field out with the tag `wire:\"-\"`"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			body, err := c.Append(nil, tc.value)
			if err == nil || err.Error() != tc.want || body != nil {
				t.Errorf("got  %v, %q\nwant %s", err, body, tc.want)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	c := New()
	const xsi = "xmlns:i='http://www.w3.org/2001/XMLSchema-instance'"
	type node struct {
		Name string   `wire:"name"`
		Tags []string `wire:"tags"`
		N    *int     `wire:"n"`
		Pair [2]int   `wire:"pair"`
		P    point
	}
	for _, tc := range []struct {
		rule   string
		target any
		wire   string
		want   string // follows "xml: decode"
	}{
		{"no target", nil, "<v/>", " at byte 0: the target is nil; pass a pointer"},
		{"a target that is no pointer", point{}, "<v/>", " at byte 0: the target is of type xmlcodec.point; pass a pointer to it"},
		{"a nil target", (*point)(nil), "<v/>", " at byte 0: the target is a nil *xmlcodec.point"},
		{"nothing", new(point), "", " at byte 0: unexpected EOF"},
		{"no element", new(point), "<?xml version='1.0'?> <!-- s3cret -->", " at byte 37: unexpected EOF"},
		{"text alone", new(string), "s3cret", " at byte 0: text outside the root element"},
		{"text before the root", new(point), " &#32;<v/>", " at byte 1: text outside the root element"},
		{"a CDATA section before the root", new(point), "<![CDATA[ ]]><v/>", " at byte 0: text outside the root element"},
		{"text after the root", new(point), "<v/> s3cret", " at byte 5: more than one value; want the end of the input"},
		{"a trailing zero byte", new(point), "<v/>\x00", " at byte 4: more than one value; want the end of the input"},
		{"two roots", new(point), "<v/><v/>", " at byte 4: more than one value; want the end of the input"},
		{"an end tag more", new(point), "<v></v></v>", " at byte 7: more than one value; want the end of the input"},
		{"a document type", new(point), "<!DOCTYPE v><v/>", " at byte 0: a document type or another declaration; send the document without"},
		{"a document type with entities", new(string), "<?xml version='1.0'?><!DOCTYPE v [<!ENTITY s3cret 'a'>]><v>&s3cret;</v>", " at byte 21: a document type or another declaration; send the document without"},
		{"a document type after the root", new(point), "<v/><!DOCTYPE v>", " at byte 4: a document type or another declaration; send the document without"},
		{"a document type in small letters", new(point), "<!doctype v><v/>", " at byte 0: a document type or another declaration; send the document without"},
		{"a declaration inside", new(string), "<v>a<!ENTITY b 'c'></v>", " at byte 4: a document type or another declaration; send the document without"},
		{"another section than CDATA", new(string), "<v><![IGNORE[a]]></v>", " at byte 3: a document type or another declaration; send the document without"},
		{"another encoding", new(point), "<?xml version='1.0' encoding='ISO-8859-1'?><v/>", " at byte 0: malformed XML declaration; want version 1.0 and the encoding UTF-8, at the very start"},
		{"another version", new(point), "<?xml version='1.1'?><v/>", " at byte 0: malformed XML declaration; want version 1.0 and the encoding UTF-8, at the very start"},
		{"UTF-16", new(point), "\xff\xfe<\x00v\x00/\x00>\x00", " at byte 0: invalid UTF-8"},
		{"UTF-7", new(point), "<?xml version='1.0' encoding='UTF-7'?>+ADw-v/+AD4-", " at byte 0: malformed XML declaration; want version 1.0 and the encoding UTF-8, at the very start"},
		{"a declaration after white space", new(point), " <?xml version='1.0'?><v/>", " at byte 1: malformed processing instruction"},
		{"an unknown entity", new(string), "<v>a&s3cret;</v>", " at byte 4: a reference that is neither to a character nor one of lt, gt, amp, quot, apos"},
		{"a reference to no character", new(string), "<v>&#0;</v>", " at byte 3: a reference that is neither to a character nor one of lt, gt, amp, quot, apos"},
		{"a control character", new(string), "<v>s3cret\x01</v>", " at byte 9: a character that XML does not allow"},
		{"invalid UTF-8", new(string), "<v>s3cret\xff</v>", " at byte 9: invalid UTF-8"},
		{"another end tag", new(node), "<v><name>s3cret</nane></v>", " name at byte 15: an end tag that does not match the start tag"},
		{"another end tag in what is skipped", new(node), "<v><u><s3cret></u></s3cret></v>", " at byte 14: an end tag that does not match the start tag"},
		{"another prefix in the end tag", new(node), "<v xmlns:a='b' xmlns:c='b'><a:u></c:u></v>", " at byte 32: an end tag that does not match the start tag"},
		{"one element twice", new(node), "<v><name>a</name><n>1</n><name>s3cret</name></v>", " at byte 31: one name twice in an element"},
		{"one element twice under two names", new(names), "<v><xmlData>1</xmlData><_x0078_mlData>2</_x0078_mlData></v>", " at byte 38: one name twice in an element"},
		{"one element twice, nil once", new(node), "<v " + xsi + "><n i:nil='true'/><n>1</n></v>", " at byte 75: one name twice in an element"},
		{"one name twice beyond the 64th field", new(many), manyTwice, " at byte 23: one name twice in an element"},
		{"one attribute twice", new(node), "<v s3cret='' s3cret=''/>", " at byte 21: one attribute twice in a tag"},
		{"one key twice", new(map[string]int), "<v><entry key='s3cret'>1</entry><s3cret>2</s3cret></v>", "[#1] at byte 50: two entries have one key"},
		{"an undeclared prefix", new(node), "<v><s3cret:u/></v>", " at byte 14: a prefix that is not declared"},
		{"an undeclared prefix of an attribute", new(node), "<v><u s3cret:a=''/></v>", " at byte 19: a prefix that is not declared"},
		{"a prefix of a closed element", new(node), "<v><u xmlns:a='b'/><a:u/></v>", " at byte 25: a prefix that is not declared"},
		{"a reserved prefix", new(node), "<v xmlns:xmlns='a'/>", " at byte 20: a namespace declaration that XML reserves or forbids"},
		{"text for a struct", new(node), "<v><P> s3cret</P></v>", " P at byte 7: text where elements are expected"},
		{"text among elements", new(point), "<v><X>1</X>s3cret</v>", " at byte 11: text where elements are expected"},
		{"text in a list", new([]int), "<v>1</v>", " at byte 3: text where elements are expected"},
		{"text in a map", new(map[string]int), "<v>&#49;</v>", " at byte 3: text where elements are expected"},
		{"elements for a text", new(node), "<v><name><b/></name></v>", " name at byte 9: elements where text is expected"},
		{"elements for a number", new(node), "<v><n>1<b/></n></v>", " n at byte 7: elements where text is expected"},
		{"nil at the top", new(string), "<v " + xsi + " i:nil='true'/>", " at byte 69: nil has no place at the top or in a list or map"},
		{"nil in a list", new(node), "<v " + xsi + "><tags i:nil='true'/></v>", " tags[0] at byte 75: nil has no place at the top or in a list or map"},
		{"nil in a map", new(map[string]int), "<v " + xsi + "><a i:nil='true'/></v>", "[#0] at byte 72: nil has no place at the top or in a list or map"},
		{"nil with content", new(node), "<v " + xsi + "><n i:nil='true'>1</n></v>", " n at byte 76: an element with xsi:nil is not empty"},
		{"nil that is neither true nor false", new(node), "<v " + xsi + "><n i:nil='s3cret'>1</n></v>", " at byte 73: want xsi:nil to be true or false"},
		{"out of range", new(struct{ L []int8 }), "<v><L>1</L><L>128</L></v>", " L[1] at byte 21: out of range for int8"},
		{"below range", new(int8), "<v>-129</v>", " at byte 11: out of range for int8"},
		{"2^63", new(int64), "<v>9223372036854775808</v>", " at byte 26: out of range for int64"},
		{"2^64", new(uint64), "<v>18446744073709551616</v>", " at byte 27: out of range for uint64"},
		{"-1 as uint", new(uint), "<v>-1</v>", " at byte 9: out of range for uint"},
		{"a float too large", new(float32), "<v>1e39</v>", " at byte 11: out of range for float32"},
		{"a fraction for an integer", new(int), "<v>1.0</v>", " at byte 10: want an integer in decimal"},
		{"nothing for an integer", new(int), "<v/>", " at byte 4: want an integer in decimal"},
		{"a sign alone", new(int), "<v>-</v>", " at byte 8: want an integer in decimal"},
		{"words for an integer", new(uint8), "<v>s3cret</v>", " at byte 13: want an integer in decimal"},
		{"a hexadecimal float", new(float64), "<v>0x1p-2</v>", " at byte 13: want a number, \"NaN\", \"Infinity\" or \"-Infinity\""},
		{"nan in small letters", new(float64), "<v>nan</v>", " at byte 10: want a number, \"NaN\", \"Infinity\" or \"-Infinity\""},
		{"a float of nothing", new(float64), "<v>e1</v>", " at byte 9: want a number, \"NaN\", \"Infinity\" or \"-Infinity\""},
		{"1 for true", new(bool), "<v>1</v>", " at byte 8: want true or false"},
		{"bytes in no base64", new([]byte), "<v>s3cret!</v>", " at byte 14: want bytes in padded base64"},
		{"too few bytes", new(digest), "<v>AAAA</v>", " at byte 11: want 4 bytes, got 3"},
		{"a time without zone", new(time.Time), "<v>2026-01-02T03:04:05</v>", " at byte 26: want a time as in 2006-01-02T15:04:05.999999999Z, with at most nine digits of the second"},
		{"a text that its type refuses", new(netip.Addr), "<v>s3cret</v>", " at byte 13: UnmarshalText of netip.Addr failed"},
		{"a string in another encoding", new(string), "<v encoding='hex'>s3cret</v>", " at byte 28: want the encoding base64, or none"},
		{"base64 of what is no text", new(string), "<v encoding='base64'>/w==</v>", " at byte 29: invalid UTF-8"},
		{"base64 of a number", new(int), "<v encoding='base64'>1234</v>", " at byte 29: an encoding where none is expected"},
		{"a key in no base64", new(map[string]int), "<v><e key='s3cret' key-encoding='base64'>1</e></v>", "[#0] at byte 41: want bytes in padded base64"},
		{"an integer key that is no integer", new(map[int]int), "<v><e key='01'>1</e></v>", "[#0] at byte 15: a key is no 64-bit integer in decimal"},
		{"too few items", new([3]int), "<v><i>1</i><i>2</i></v>", " at byte 23: want 3 items, got 2"},
		{"too many items", new([1]int), "<v><i>1</i><i>2</i></v>", " at byte 14: want 1 items, got more"},
		{"too few items of a field", new(node), "<v><pair>1</pair></v>", " pair at byte 21: want 2 items, got 1"},
		{"too many items of a field", new(node), "<v><pair>1</pair><pair>2</pair><pair>3</pair></v>", " pair at byte 37: want 2 items, got more"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			err := c.Decode([]byte(tc.wire), tc.target)
			want := "xml: decode" + tc.want
			if strings.HasPrefix(tc.want, "[") {
				want = "xml: decode " + tc.want
			}
			if err == nil || err.Error() != want {
				t.Fatalf("got  %v\nwant %s", err, want)
			}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
				if text := fmt.Sprintf(verb, err); strings.Contains(text, "s3cret") {
					t.Errorf("%s prints the body: %s", verb, text)
				}
			}
			for inner := err; inner != nil; inner = errors.Unwrap(inner) {
				if strings.Contains(inner.Error(), "s3cret") {
					t.Errorf("a wrapped error prints the body: %v", inner)
				}
			}
		})
	}
}

// A many has more fields than a machine word has bits.
type many struct {
	F00, F01, F02, F03, F04, F05, F06, F07, F08, F09, F10, F11, F12, F13, F14, F15, F16, F17, F18, F19 bool
	F20, F21, F22, F23, F24, F25, F26, F27, F28, F29, F30, F31, F32, F33, F34, F35, F36, F37, F38, F39 bool
	F40, F41, F42, F43, F44, F45, F46, F47, F48, F49, F50, F51, F52, F53, F54, F55, F56, F57, F58, F59 bool
	F60, F61, F62, F63, F64, F65, F66, F67, F68, F69                                                   bool
}

// manyTwice has the field F65 twice.
const manyTwice = "<v><F65>true</F65><F65>true</F65></v>"

func TestStructsOfManyFields(t *testing.T) {
	c := New()
	in := many{}
	in.F00, in.F63, in.F64, in.F69 = true, true, true, true
	var out many
	if err := c.Decode(mustAppend(t, c, in), &out); err != nil || out != in {
		t.Errorf("got %+v, %v", out, err)
	}
}
