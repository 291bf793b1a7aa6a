package xmlcodec

import (
	"errors"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// exact compares values as the profile does: nil and empty are equal, NaN is
// NaN, and -0 is not 0.
var exact = cmp.Options{
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b float64) bool {
		return math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b)
	}),
	cmp.Comparer(func(a, b float32) bool {
		return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
	}),
	cmp.Comparer(func(a, b big.Int) bool { return a.Cmp(&b) == 0 }),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
}

type (
	point  struct{ X, Y int32 }
	widths struct {
		I8  int8
		I16 int16
		I32 int32
		I64 int64
		I   int
		U8  uint8
		U16 uint16
		U32 uint32
		U64 uint64
		U   uint
	}
	level  int32
	levels struct {
		Level level            `wire:"level,1"`
		By    map[level]string `wire:"by,2"`
	}
	optionals struct {
		N *int64     `wire:"n,1"`
		S *string    `wire:"s,2"`
		P *point     `wire:"p,3"`
		T *time.Time `wire:"t,4"`
		L *[]int     `wire:"l,5"`
	}
	omitting struct {
		N int            `wire:"n,1,optional"`
		F float64        `wire:"f,2,optional"`
		L []int          `wire:"l,3,optional"`
		M map[string]int `wire:"m,4,optional"`
		B []byte         `wire:"b,5,optional"`
		H [2]byte        `wire:"h,6,optional"`
		P point          `wire:"p,7,optional"`
		Q weights        `wire:"q,8,optional"`
	}
	weights struct {
		A [2]float64
		L []int
	}
	tree struct {
		Value int     `json:"value"`
		Kids  []*tree `json:"kids,omitempty"`
		Next  *tree   `json:"next"`
	}
	embedding struct {
		point
		Name string
	}
	digest [4]byte
	lists  struct {
		L    *[]int
		A    *[2]bool
		M    map[string][]string
		Deep [][][]int8
		Grid [2][2]uint16
		Raw  [][]byte
	}
	names struct {
		German   int `wire:"größe"`
		Micro    int `wire:"µ"`
		Reserved int `wire:"xmlData"`
		Escape   int `wire:"_x00B5"`
		Astral   int `wire:"𐐀"`
		Dotted   int `wire:"a.b-c_1"`
		Upper    int `wire:"XML"`
		Japanese int `wire:"名前"`
	}
)

func ptr[T any](v T) *T { return &v }

// profile is the table of what the codec carries: a value and its one encoding.
// The malformed-input tests and the fuzzer
// start from it too.
var profile = []struct {
	rule  string
	value any
	wire  string
}{
	{"true", true, `<value>true</value>`},
	{"false", false, `<value>false</value>`},
	{"integers at their lowest", widths{I8: -128, I16: -32768, I32: math.MinInt32, I64: math.MinInt64, I: math.MinInt32},
		`<value><I8>-128</I8><I16>-32768</I16><I32>-2147483648</I32><I64>-9223372036854775808</I64><I>-2147483648</I><U8>0</U8><U16>0</U16><U32>0</U32><U64>0</U64><U>0</U></value>`},
	{"integers at their highest", widths{127, 32767, math.MaxInt32, math.MaxInt64, math.MaxInt32, 255, 65535, math.MaxUint32, math.MaxUint64, math.MaxUint32},
		`<value><I8>127</I8><I16>32767</I16><I32>2147483647</I32><I64>9223372036854775807</I64><I>2147483647</I><U8>255</U8><U16>65535</U16><U32>4294967295</U32><U64>18446744073709551615</U64><U>4294967295</U></value>`},
	{"2^53+1 is exact", int64(1<<53 + 1), `<value>9007199254740993</value>`},
	{"float64 1.5", 1.5, `<value>1.5</value>`},
	{"float64 pi", math.Pi, `<value>3.141592653589793</value>`},
	{"the largest float64", math.MaxFloat64, `<value>1.7976931348623157e+308</value>`},
	{"the smallest float64", math.SmallestNonzeroFloat64, `<value>5e-324</value>`},
	{"a small exponent", 1e-9, `<value>1e-9</value>`},
	{"-0 keeps its sign", math.Copysign(0, -1), `<value>-0</value>`},
	{"NaN", math.NaN(), `<value>NaN</value>`},
	{"+Inf", math.Inf(1), `<value>Infinity</value>`},
	{"-Inf", math.Inf(-1), `<value>-Infinity</value>`},
	{"float32 0.1", float32(0.1), `<value>0.1</value>`},
	{"float32 largest", float32(math.MaxFloat32), `<value>3.4028235e+38</value>`},
	{"float32 NaN", float32(math.NaN()), `<value>NaN</value>`},
	{"empty string", "", `<value/>`},
	{"control characters", "a\"\\/\b\f\n\r\t\x00\x1f<>&", `<value encoding="base64">YSJcLwgMCg0JAB88PiY=</value>`},
	{"all planes", "é\u2028\ufeff\ufffd\U0001f600", "<value>é\u2028\ufeff\ufffd\U0001f600</value>"},
	{"bytes", []byte{0, 1, 254, 255}, `<value>AAH+/w==</value>`},
	{"empty bytes", []byte{}, `<value/>`},
	{"fixed bytes", digest{1, 2, 3, 4}, `<value>AQIDBA==</value>`},
	{"list", []int{1, 2, 3}, `<value><item>1</item><item>2</item><item>3</item></value>`},
	{"nil list", []int(nil), `<value/>`},
	{"empty list", []int{}, `<value/>`},
	{"lists of lists", [][]string{{"a"}, nil, {"b", "c"}}, `<value><item><item>a</item></item><item/><item><item>b</item><item>c</item></item></value>`},
	{"array", [3]bool{true, false, true}, `<value><item>true</item><item>false</item><item>true</item></value>`},
	{"empty array", [0]int{}, `<value/>`},
	{"list of pointers", []*point{{1, 2}}, `<value><item><X>1</X><Y>2</Y></item></value>`},
	{"map in the order of key bytes", map[string]int{"b": 1, "a": 2, "": 3, "é": 4, "Z": 5}, `<value><entry key="">3</entry><entry key="Z">5</entry><entry key="a">2</entry><entry key="b">1</entry><entry key="é">4</entry></value>`},
	{"nil map", map[string]int(nil), `<value/>`},
	{"integer keys", map[int64]string{-1: "a", 10: "b", 9: "c"}, `<value><entry key="-1">a</entry><entry key="10">b</entry><entry key="9">c</entry></value>`},
	{"unsigned keys", map[uint64]bool{math.MaxUint64: true}, `<value><entry key="18446744073709551615">true</entry></value>`},
	{"boolean keys", map[bool]int{true: 1, false: 0}, `<value><entry key="false">0</entry><entry key="true">1</entry></value>`},
	{"text keys", map[netip.Addr]int{netip.MustParseAddr("::1"): 1}, `<value><entry key="::1">1</entry></value>`},
	{"map of structs", map[string]point{"a": {1, 2}}, `<value><entry key="a"><X>1</X><Y>2</Y></entry></value>`},
	{"map of maps", map[string]map[string][]int{"a": {"b": {1}}}, `<value><entry key="a"><entry key="b"><item>1</item></entry></entry></value>`},
	{"time with nanoseconds", time.Date(2026, 11, 24, 10, 20, 30, 123456789, time.UTC), `<value>2026-11-24T10:20:30.123456789Z</value>`},
	{"time of year 1", time.Time{}, `<value>0001-01-01T00:00:00Z</value>`},
	{"time of year 9999", time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), `<value>9999-12-31T23:59:59.999999999Z</value>`},
	{"time before 1970", time.Unix(-1, 5).UTC(), `<value>1969-12-31T23:59:59.000000005Z</value>`},
	{"duration in nanoseconds", -90 * time.Second, `<value>-90000000000</value>`},
	{"text", netip.MustParseAddr("10.0.0.1"), `<value>10.0.0.1</value>`},
	{"text with a pointer method", *big.NewInt(-42), `<value>-42</value>`},
	{"enum", levels{7, map[level]string{3: "x"}}, `<value><level>7</level><by><entry key="3">x</entry></by></value>`},
	{"absent optionals", optionals{}, `<value/>`},
	{"optional zeros are present", optionals{ptr(int64(0)), ptr(""), &point{}, &time.Time{}, &[]int{}},
		`<value><n>0</n><s/><p><X>0</X><Y>0</Y></p><t>0001-01-01T00:00:00Z</t><l/></value>`},
	{"zeros left out by tag", omitting{L: []int{}, M: map[string]int{}, B: []byte{}}, `<value/>`},
	{"-0 inside is not left out", omitting{Q: weights{A: [2]float64{0, math.Copysign(0, -1)}}}, `<value><q><A>0</A><A>-0</A></q></value>`},
	{"empty inside is left out", omitting{Q: weights{L: []int{}}}, `<value/>`},
	{"-0 is not left out", omitting{F: math.Copysign(0, -1)}, `<value><f>-0</f></value>`},
	{"what is not zero is not left out", omitting{1, 2, []int{0}, map[string]int{"": 0}, []byte{0}, [2]byte{0, 1}, point{0, 1}, weights{}},
		`<value><n>1</n><f>2</f><l>0</l><m><entry key="">0</entry></m><b>AA==</b><h>AAE=</h><p><X>0</X><Y>1</Y></p></value>`},
	{"embedded struct", embedding{point{1, 2}, "n"}, `<value><X>1</X><Y>2</Y><Name>n</Name></value>`},
	{"recursive type", tree{1, []*tree{{Value: 2}}, &tree{Value: 3}}, `<value><value>1</value><kids><value>2</value></kids><next><value>3</value></next></value>`},
	{"empty struct", struct{}{}, `<value/>`},
	{"pointer at the top", ptr(5), `<value>5</value>`},
	{"pointers to lists, and lists in maps", lists{L: &[]int{1, 2}, A: &[2]bool{true, false}, M: map[string][]string{"a": {"x", ""}, "b": nil}, Deep: [][][]int8{{{1}, {}}, {}}, Grid: [2][2]uint16{{1, 2}, {3, 4}}, Raw: [][]byte{{0}, {}}},
		`<value><L><item>1</item><item>2</item></L><A><item>true</item><item>false</item></A><M><entry key="a"><item>x</item><item/></entry><entry key="b"/></M><Deep><item><item>1</item></item><item/></Deep><Deep/><Grid><item>1</item><item>2</item></Grid><Grid><item>3</item><item>4</item></Grid><Raw>AA==</Raw><Raw/></value>`},
	{"what XML would change in text", []string{"\r\n", " a\t\n ", "<a>&amp;]]>'\"", "\u007f\u0085\u2028"},
		"<value><item>&#13;\n</item><item> a\t\n </item><item>&lt;a&gt;&amp;amp;]]&gt;'\"</item><item>\u007f\u0085\u2028</item></value>"},
	{"what XML cannot hold", []string{"\x00", "\x1b", "a\uFFFE", "\uFFFF", "\uEFFF"},
		"<value><item encoding=\"base64\">AA==</item><item encoding=\"base64\">Gw==</item><item encoding=\"base64\">Ye+/vg==</item><item encoding=\"base64\">77+/</item><item>\uEFFF</item></value>"},
	{"keys of any characters", map[string]string{"a b": "1", "<\"&'>": "2", "\t\r\n": "3", "\x00": "\x01", "\uFFFF": "", "x\uFEFF": "\r"},
		"<value><entry key=\"AA==\" key-encoding=\"base64\" encoding=\"base64\">AQ==</entry><entry key=\"&#9;&#13;&#10;\">3</entry><entry key=\"&lt;&quot;&amp;'&gt;\">2</entry><entry key=\"a b\">1</entry><entry key=\"x\uFEFF\">&#13;</entry><entry key=\"77+/\" key-encoding=\"base64\"/></value>"},
	{"names that are none everywhere", names{1, 2, 3, 4, 5, 6, 7, 8},
		"<value><größe>1</größe><_x00B5_>2</_x00B5_><_x0078_mlData>3</_x0078_mlData><_x005F_x00B5>4</_x005F_x00B5><_x010400_>5</_x010400_><a.b-c_1>6</a.b-c_1><_x0058_ML>7</_x0058_ML><名前>8</名前></value>"},
}

func TestProfile(t *testing.T) {
	c := New()
	for _, tc := range profile {
		t.Run(tc.rule, func(t *testing.T) {
			if err := c.CheckType(reflect.TypeOf(tc.value)); err != nil {
				t.Fatal(err)
			}
			got, err := c.Append(nil, tc.value)
			if err != nil || string(got) != tc.wire {
				t.Fatalf("encode:\ngot  %q, %v\nwant %q", got, err, tc.wire)
			}
			byPointer := reflect.New(reflect.TypeOf(tc.value))
			byPointer.Elem().Set(reflect.ValueOf(tc.value))
			if got, err = c.Append(got[:0], byPointer.Interface()); err != nil || string(got) != tc.wire {
				t.Fatalf("encode a pointer: got %q, %v", got, err)
			}
			target := reflect.New(reflect.TypeOf(tc.value))
			if err := c.Decode([]byte(tc.wire), target.Interface()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.value, target.Elem().Interface(), exact, cmp.AllowUnexported(embedding{})); diff != "" {
				t.Errorf("decode(encode(v)) is not v: %s", diff)
			}
		})
	}
}

func TestTimeIsReadAsUTC(t *testing.T) {
	c := New()
	zone := time.FixedZone("", 2*3600)
	body, err := c.Append(nil, time.Date(2026, 1, 2, 3, 4, 5, 6, zone))
	var got time.Time
	if err != nil || c.Decode(body, &got) != nil || got != time.Date(2026, 1, 2, 1, 4, 5, 6, time.UTC) {
		t.Errorf("got %v, %v", got, err)
	}
	now := time.Now() // its monotonic reading must not travel
	if err := c.Decode(mustAppend(t, c, now), &got); err != nil || got != now.Round(0).UTC() {
		t.Errorf("got %v, %v; want %v", got, err, now)
	}
}

func TestWhatReadingForgives(t *testing.T) {
	c := New()
	type node struct {
		Name string   `wire:"name"`
		Tags []string `wire:"tags"`
		N    int      `wire:"n"`
		Pair [2]int   `wire:"pair"`
		Note *string  `wire:"note"`
	}
	const head = "\uFEFF<?xml version='1.0' encoding=\"utf-8\" standalone='yes'?>\n<?style x=1?><!-- - -->\n"
	for _, tc := range []struct {
		rule, wire string
		want       any
	}{
		{"a byte order mark, a declaration, comments and instructions", head + "<p><X>1</X></p>\n<!----> <?end?>\r\n", point{1, 0}},
		{"any name of the root", "<p.oint-1><X>1</X></p.oint-1 >", point{1, 0}},
		{"white space between elements and around numbers", "<p >\r\n <X\t>\n 1\t</X\n>\n<!-- c --><Y><?pi?>2 </Y></p>", point{1, 2}},
		{"numbers as XML Schema has them", "<p><X>+0010</X><Y>-007</Y></p>", point{10, -7}},
		{"unknown elements of any kind and depth", "<p><Z a='1'>text<Z><X>9</X>more</Z><![CDATA[<&]]></Z><X>1</X><Z/><Z/><Y>2</Y><W>&lt;</W></p>", point{1, 2}},
		{"unknown attributes of every element", "<p a='1' b=\"&lt;'\"><X c=\"\">1</X></p>", point{1, 0}},
		{"any order", "<p><Y>2</Y><X>1</X></p>", point{1, 2}},
		{"absent elements are zero", "<p><Y>2</Y></p>", point{0, 2}},
		{"case matters", "<p><x>1</x><y>2</y><Y>3</Y></p>", point{0, 3}},
		{"items between other elements", "<v><tags>a</tags><pair>1</pair><n>1</n><tags/><u/><pair>2</pair><tags>c</tags></v>", node{Tags: []string{"a", "", "c"}, N: 1, Pair: [2]int{1, 2}}},
		{"text in pieces", "<v><name>a<!-- x -->b<![CDATA[<c>&]]>d&#x20;&#101;\r\n<?x?>\rf</name></v>", node{Name: "ab<c>&d e\n\nf"}},
		{"line ends in a CDATA section", "<v><name><![CDATA[a\r\nb\rc]]]]></name></v>", node{Name: "a\nb\nc]]"}},
		{"text keeps its white space", "<v><name> \n </name></v>", node{Name: " \n "}},
		{"an empty element is an empty string", "<v><name/><note></note></v>", node{Note: ptr("")}},
		{"xsi:nil is absence", "<v xmlns:i='http://www.w3.org/2001/XMLSchema-instance'><n i:nil='true'/><note i:nil='1'> </note><name i:nil='false'>a</name></v>", node{Name: "a"}},
		{"nil of another namespace is nothing", "<v xmlns:i='urn:i'><note i:nil='true'/></v>", node{Note: ptr("")}},
		{"a namespace of all elements", "<v xmlns='urn:v'><name>a</name></v>", node{Name: "a"}},
		{"a prefix of all elements", "<v:v xmlns:v='urn:v'><v:name>a</v:name><v:n>1</v:n></v:v>", node{Name: "a", N: 1}},
		{"two prefixes of one namespace", "<v:v xmlns:v='urn:v&amp;'><w:name xmlns:w='urn:v&#38;'>a</w:name><n xmlns='urn:v&amp;'>1</n></v:v>", node{Name: "a", N: 1}},
		{"elements of other namespaces are skipped", "<v xmlns:e='urn:e'><e:name>x</e:name><name xmlns='urn:e'>y</name><name>a</name><e:n/></v>", node{Name: "a"}},
		{"and so are those of none", "<v:v xmlns:v='urn:v'><name>x</name><v:name>a</v:name></v:v>", node{Name: "a"}},
		{"a declaration ends with its element", "<v><u xmlns='urn:u'><name>x</name></u><name>a</name></v>", node{Name: "a"}},
		{"attributes of the namespace xml", "<v xml:lang='de'><name xml:space='preserve'> a</name></v>", node{Name: " a"}},
		{"a text marked in vain", "<v><name encoding='base64'> YQ==\n</name></v>", node{Name: "a"}},
		{"items of any name", "<orders><order>1</order><x>2</x></orders>", []int{1, 2}},
		{"entries named by their key", "<labels><region>eu</region><entry key='x y'>1</entry><entry>2</entry></labels>", map[string]string{"region": "eu", "x y": "1", "entry": "2"}},
		{"white space in a key is a space unless it is a reference", "<m><e key=' a\n\tb\r\nc&#10;'>1</e></m>", map[string]int{" a  b c\n": 1}},
		{"bytes marked as what they are", "<b encoding='base64'>\nAAE=\n</b>", []byte{0, 1}},
		{"the infinities of XML Schema", "<l><i>INF</i><i>-INF</i><i> NaN </i><i>1E+2</i><i>.5</i></l>", []float64{math.Inf(1), math.Inf(-1), math.NaN(), 100, 0.5}},
		{"an offset of a time", "<t> 2026-01-02T03:04:05+02:00 </t>", time.Date(2026, 1, 2, 1, 4, 5, 0, time.UTC)},
		{"names that need no escape where the parser takes them", "<n><xmlData>3</xmlData><𐐀>5</𐐀></n>", names{Reserved: 3, Astral: 5}},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			target := reflect.New(reflect.TypeOf(tc.want))
			if err := c.Decode([]byte(tc.wire), target.Interface()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, target.Elem().Interface(), exact); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A sameText is a key whose texts collide.
type sameText int

func (sameText) MarshalText() ([]byte, error)  { return []byte("x"), nil }
func (*sameText) UnmarshalText(b []byte) error { return nil }

// A badText is a text that fails.
type badText struct{ err error }

func (b badText) MarshalText() ([]byte, error) { return nil, b.err }
func (*badText) UnmarshalText([]byte) error    { return errors.New("s3cret") }

func mustAppend(t testing.TB, c *Codec, v any) []byte {
	t.Helper()
	b, err := c.Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
