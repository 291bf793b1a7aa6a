package avrocodec

import (
	"errors"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/polywire/polywire/codecs"
)

// framed is a single object of a foreign writer, and a codec that knows its schema.
func framed(t testing.TB, schema, wire string) (*Codec, []byte) {
	t.Helper()
	s, err := ParseSchema([]byte(schema))
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	sum := s.Fingerprint()
	return New(WithStores(NewHistory(s))), append(append([]byte{marker1, marker2}, sum[:]...), wire...)
}

// rec is the schema of a record R of these fields.
func rec(fields string) string {
	return `{"type":"record","name":"R","fields":[` + fields + `]}`
}

// fld is a field of a type given as JSON.
func fld(name, typ string) string { return `{"name":"` + name + `","type":` + typ + `}` }

func ptr[T any](v T) *T { return &v }

type (
	point struct{ X, Y int32 }
	tree  struct {
		Value int     `wire:"value"`
		Kids  []*tree `wire:"kids,optional"`
		Next  *tree   `wire:"next"`
	}
	grown struct {
		ID    string            `wire:"id"`
		Note  *string           `wire:"note"`
		Count int               `wire:"count,optional"`
		Tags  []string          `wire:"tags,optional"`
		By    map[string]int    `wire:"by,optional"`
		At    time.Time         `wire:"at,optional"`
		Big   uint64            `wire:"big,optional"`
		Seal  [2]byte           `wire:"seal,optional"`
		In    point             `wire:"in,optional"`
		Addr  netip.Addr        `wire:"addr,optional"`
		Pair  [2]int8           `wire:"pair,optional"`
		Deep  map[string][]bool `wire:"deep,optional"`
	}
	renamed struct {
		Price int `wire:"price,alias=cost,alias=sum"`
	}
)

var sameAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func TestAReaderOfAnotherSchema(t *testing.T) {
	const skipped = `"null","boolean","int","long","float","double","bytes","string"`
	for _, tc := range []struct {
		rule, schema, wire string
		want               any
	}{
		{"C032: a field that the writer lacks is its default", rec(fld("id", `"string"`)), "\x02a", grown{ID: "a"}},
		{"C032: without an own schema that is zero", rec(fld("X", `"int"`)), "\x02", point{X: 1}},
		{"C038: and so is null", rec(fld("X", `["null","int"]`) + "," + fld("Y", `"int"`)), "\x00\x02", point{Y: 1}},
		{"C033: a field that we lack is skipped", rec(fld("Z", `"string"`) + "," + fld("X", `"int"`) + "," + fld("Y", `"int"`)), "\x02z\x02\x04", point{1, 2}},
		{"C033: whatever its kind and depth", rec(fld("X", `"int"`) + "," + fld("Z", `{"type":"array","items":{"type":"map","values":[`+skipped+`,
			{"type":"record","name":"In","fields":[`+fld("a", `{"type":"fixed","name":"F","size":2}`)+","+fld("b", `{"type":"enum","name":"E","symbols":["A"]}`)+","+fld("c", `["null","In"]`)+`]}]}}`) + "," + fld("Y", `"int"`)),
			"\x02" + "\x02" + "\x12" + "\x02a\x00" + "\x02b\x02\x01" + "\x02c\x04\x7e" + "\x02d\x06\x80\x01" + "\x02e\x08abcd" + "\x02f\x0aabcdefgh" + "\x02g\x0c\x02z" + "\x02h\x0e\x04zz" + "\x02i\x10FF\x00\x00" + "\x00" + "\x00" + "\x04",
			point{1, 2}},
		{"C034: the order of fields is the writer's", rec(fld("Y", `"int"`) + "," + fld("X", `"int"`)), "\x04\x02", point{1, 2}},
		{"C035: a field that was renamed is found by its alias", rec(fld("cost", `"long"`)), "\x0e", renamed{7}},
		{"C035: by any of them", rec(fld("sum", `"int"`)), "\x0e", renamed{7}},
		{"C035: its own name comes first", rec(fld("cost", `"int"`) + "," + fld("price", `"int"`)), "\x02\x0e", renamed{7}},
		{"C036: int to long", rec(fld("X", `"int"`) + "," + fld("Y", `"int"`)), "\x02\x04", struct{ X, Y int64 }{1, 2}},
		{"C036: int to float", `"int"`, "\x04", float32(2)},
		{"C036: int to double", `"int"`, "\x04", 2.0},
		{"C036: long to double", `"long"`, "\x80\x80\x80\x80\x80\x80\x80\x20", float64(1 << 53)},
		{"C036: float to double", `"float"`, "\x00\x00\xc0\x3f", 1.5},
		{"C037: long to int, if it fits", `"long"`, "\xfe\xff\xff\xff\x0f", int32(math.MaxInt32)},
		{"C037: long to uint8, if it fits", `"long"`, "\xfe\x03", uint8(255)},
		{"a double is rounded to a float", `"double"`, "\x9a\x99\x99\x99\x99\x99\xb9\x3f", float32(0.1)},
		{"bytes to string, if they are UTF-8", `"bytes"`, "\x04\xc3\xa9", "é"},
		{"string to bytes", `"string"`, "\x04\xc3\xa9", []byte("é")},
		{"bytes to an array of that length", `"bytes"`, "\x04ab", [2]byte{'a', 'b'}},
		{"a fixed to bytes", `{"type":"fixed","name":"F","size":2}`, "ab", []byte("ab")},
		{"a fixed of another name to an array", `{"type":"fixed","name":"md.MD2","size":2}`, "ab", [2]byte{'a', 'b'}},
		{"a text from a string", `"string"`, "\x06::1", netip.MustParseAddr("::1")},
		{"an enum to its symbol", `{"type":"enum","name":"E","symbols":["RED","BLUE"]}`, "\x02", "BLUE"},
		{"a number to an unsigned one of 64 bits", `"int"`, "\x0e", uint64(7)},
		{"an unsigned one of 64 bits to a number", `{"type":"fixed","name":"polywire.uint64","size":8}`, "\x00\x00\x00\x00\x00\x00\x00\x07", 7},
		{"a record of another name", `{"type":"record","name":"com.acme.Point","fields":[` + fld("X", `"int"`) + "," + fld("Y", `"int"`) + `]}`, "\x02\x04", point{1, 2}},
		{"C038: optional to required, if it is there", `["null","int"]`, "\x02\x04", 2},
		{"required to optional", rec(fld("n", `"long"`)), "\x04", struct {
			N *int `wire:"n"`
		}{ptr(2)}},
		{"optional to optional", rec(fld("n", `["long","null"]`)), "\x00\x04", struct {
			N *int `wire:"n"`
		}{ptr(2)}},
		{"optional that is null", rec(fld("n", `["long","null"]`)), "\x02", struct {
			N *int `wire:"n"`
		}{}},
		{"null alone", rec(fld("n", `"null"`)), "", struct {
			N *int `wire:"n"`
		}{}},
		{"C041: a union with more branches", `["null","string","int","double"]`, "\x06\x00\x00\x00\x00\x00\x00\xf8\x3f", 1.5},
		{"a list in several blocks, with and without sizes", `{"type":"array","items":"int"}`, "\x02\x02\x03\x04\x04\x06\x02\x08\x00", []int{1, 2, 3, 4}},
		{"an array in several blocks", `{"type":"array","items":"int"}`, "\x02\x02\x02\x04\x00", [2]int{1, 2}},
		{"a map in several blocks", `{"type":"map","values":"int"}`, "\x02\x02a\x02\x01\x06\x02b\x04\x00", map[string]int{"a": 1, "b": 2}},
		{"a time in another order with more fields", rec(fld("nanos", `"long"`) + "," + fld("zone", `"string"`) + "," + fld("seconds", `"int"`)), "\x0a\x02Z\x02", time.Unix(1, 5).UTC()},
		{"integers in more bytes than they need", `"long"`, "\x82\x80\x00", 1},
		{"recursion", `{"type":"record","name":"T","fields":[` + fld("next", `["null","T"]`) + "," + fld("value", `"int"`) + "," + fld("kids", `{"type":"array","items":"T"}`) + `]}`,
			"\x02\x00\x04\x00\x02\x02\x00\x06\x00\x00", tree{1, []*tree{{Value: 3}}, &tree{Value: 2}}},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			c, body := framed(t, tc.schema, tc.wire)
			for range 2 { // the second time by what is kept
				got := reflect.New(reflect.TypeOf(tc.want))
				if err := c.Decode(body, got.Interface()); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tc.want, got.Elem().Interface(), cmpopts.EquateEmpty(), sameAddr); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestWhatDoesNotResolve(t *testing.T) {
	type sizes struct {
		L []int8 `wire:"l"`
	}
	for _, tc := range []struct {
		rule, schema, wire string
		target             any
		want               string // follows "avro: decode"
	}{
		{"C043: string to int", rec(fld("X", `"string"`) + "," + fld("Y", `"int"`)), "\x021\x02", new(point), " X at byte 10: the schema of the writer does not fit: want an integer, got the Avro type string"},
		{"C042: map to list", `{"type":"map","values":"int"}`, "\x00", new([]int), " at byte 10: the schema of the writer does not fit: want a list, got the Avro type map"},
		{"C042: list to map", `{"type":"array","items":"int"}`, "\x00", new(map[string]int), " at byte 10: the schema of the writer does not fit: want a map, got the Avro type array"},
		{"inside a list", `{"type":"array","items":"string"}`, "\x00", new([]int), " [] at byte 10: the schema of the writer does not fit: want an integer, got the Avro type string"},
		{"inside a record inside a list", `{"type":"array","items":` + rec(fld("X", `"int"`)+","+fld("Y", `"boolean"`)) + `}`, "\x00", new([]point), " [].Y at byte 10: the schema of the writer does not fit: want an integer, got the Avro type boolean"},
		{"double to int", `"double"`, "\x00\x00\x00\x00\x00\x00\x00\x00", new(int), " at byte 10: the schema of the writer does not fit: want an integer, got the Avro type double"},
		{"a branch that does not fit", rec(fld("X", `["int","string"]`) + "," + fld("Y", `"int"`)), "\x02\x021\x02", new(point), " X at byte 11: want an integer, got the Avro type string"},
		{"C037: a long beyond an int", `"long"`, "\x80\x80\x80\x80\x10", new(int32), " at byte 15: out of range for int32"},
		{"C037: in a list", rec(fld("l", `{"type":"array","items":"long"}`)), "\x04\x02\x80\x02\x00", new(sizes), " l[1] at byte 14: out of range for int8"},
		{"a negative number to an unsigned one", `"int"`, "\x01", new(uint), " at byte 11: out of range for uint"},
		{"2^63 to a number", `{"type":"fixed","name":"polywire.uint64","size":8}`, "\x80\x00\x00\x00\x00\x00\x00\x00", new(int64), " at byte 18: out of range for int64"},
		{"2^53+1 to a double", `"long"`, "\x82\x80\x80\x80\x80\x80\x80\x20", new(float64), " at byte 18: out of range for float64"},
		{"2^24+1 to a float", `"int"`, "\x82\x80\x80\x10", new(float32), " at byte 14: out of range for float32"},
		{"a double beyond a float", `"double"`, "\xff\xff\xff\xff\xff\xff\xef\x7f", new(float32), " at byte 18: out of range for float32"},
		{"bytes that are no UTF-8 to string", `"bytes"`, "\x02\xff", new(string), " at byte 11: invalid UTF-8"},
		{"an array of another length", `{"type":"array","items":"int"}`, "\x02\x02\x00", new([2]int), " at byte 13: want 2 items, got 1"},
		{"more items than an array has", `{"type":"array","items":"int"}`, "\x06\x02\x02\x02\x00", new([2]int), " at byte 11: want 2 items, got more"},
		{"bytes of another length", `"bytes"`, "\x02a", new([2]byte), " at byte 12: want 2 bytes, got 1"},
		{"a record without nanoseconds to a time", rec(fld("seconds", `"long"`)), "\x02", new(time.Time), " at byte 10: the schema of the writer does not fit: want a time, got the Avro type record"},
		{"a second of nanoseconds", rec(fld("seconds", `"long"`) + "," + fld("nanos", `"long"`)), "\x02\x80\xa8\xd6\xb9\x07", new(time.Time), " at byte 16: want less than a second of nanoseconds"},
		{"one key twice", `{"type":"map","values":"int"}`, "\x04\x02a\x02\x02a\x04\x00", new(map[string]int), "[#1] at byte 17: two entries have one key"},
		{"a key that is no number", `{"type":"map","values":"int"}`, "\x02\x0601a\x02\x00", new(map[int]int), "[#0] at byte 15: a key is no 64-bit integer in decimal"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			c, body := framed(t, tc.schema, tc.wire)
			want := "avro: decode" + tc.want
			if strings.HasPrefix(tc.want, "[") {
				want = "avro: decode " + tc.want
			}
			for range 2 { // what is kept is told anew
				err := c.Decode(body, tc.target)
				if err == nil || err.Error() != want {
					t.Fatalf("got  %v\nwant %s", err, want)
				}
				if errors.Is(err, codecs.ErrUnavailable) || !reflect.ValueOf(tc.target).Elem().IsZero() {
					t.Errorf("got %+v, %v; want zero and an error for good", tc.target, err)
				}
			}
		})
	}
}

func TestAKeptErrorIsWrappedAnew(t *testing.T) {
	// The writer's record fails inside a union inside a list: its path must not grow
	// from message to message, nor be shared by two at once.
	c, body := framed(t, `{"type":"array","items":["null",`+rec(fld("X", `"int"`)+","+fld("Y", `"string"`))+`]}`, "\x04\x02\x02\x00\x02\x02\x00\x00")
	want := c.Decode(body, new([]point))
	for range 100 {
		if got := c.Decode(body, new([]point)); got == nil || got.Error() != want.Error() || !strings.Contains(got.Error(), " [0].Y ") {
			t.Fatalf("got  %v\nwant %v", got, want)
		}
	}
}

func TestAUnionThatLeadsBackToWhatDoesNotFit(t *testing.T) {
	// Next is resolved while the record that holds it is not yet known to fail.
	type node struct {
		Next *node `wire:"next"`
		Bad  int   `wire:"bad"`
	}
	c, body := framed(t, `{"type":"record","name":"N","fields":[`+fld("next", `["null","N"]`)+","+fld("bad", `"string"`)+`]}`, "\x02\x00\x00\x00")
	if err := c.Decode(body, new(node)); err == nil || !strings.Contains(err.Error(), " bad ") {
		t.Errorf("got %v", err)
	}
	c, body = framed(t, `["null",{"type":"record","name":"N","fields":[`+fld("next", `["null","N"]`)+","+fld("bad", `"string"`)+`]}]`, "\x02\x02\x00\x00\x00")
	if err := c.Decode(body, new(node)); err == nil || !strings.Contains(err.Error(), "bad") {
		t.Errorf("got %v", err)
	}
}

func TestASchemaOfOurOwn(t *testing.T) {
	type paint struct {
		Color string `wire:"color"`
		Shade int    `wire:"shade"`
		Coats uint   `wire:"coats"`
		Name  string `wire:"name"`
	}
	const enum = `{"type":"enum","name":"Color","symbols":["RED","BLUE"],"default":"RED"}`
	s, err := ParseSchema([]byte(`{"type":"record","name":"acme.Paint","fields":[{"name":"name","type":"string","default":"none"},` +
		fld("color", enum) + "," + fld("shade", `{"type":"enum","name":"Shade","symbols":["DARK","LIGHT"]}`) + "," + fld("coats", `"int"`) + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	old, err := ParseSchema([]byte(`{"type":"record","name":"acme.Paint","fields":[` +
		fld("color", `{"type":"enum","name":"Color","symbols":["GREEN","BLUE","RED"]}`) + "," + fld("shade", `{"type":"enum","name":"Shade","symbols":["LIGHT","DARK"]}`) + "," + fld("coats", `"long"`) + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	c := New(WithSchema(reflect.TypeFor[paint](), s), WithStores(NewHistory(old)))
	v := paint{Color: "BLUE", Shade: 1, Coats: 3, Name: "sky"}
	body, err := c.Append(nil, v)
	if err != nil || string(body[10:]) != "\x06sky\x02\x02\x06" {
		t.Fatalf("got %q, %v", body, err)
	}
	var got paint
	if err := c.Decode(body, &got); err != nil || got != v {
		t.Errorf("got %+v, %v", got, err)
	}
	sum := old.Fingerprint()
	head := append([]byte{marker1, marker2}, sum[:]...)
	for wire, want := range map[string]paint{
		"\x02\x00\x06": {Color: "BLUE", Shade: 1, Coats: 3, Name: "none"},
		"\x00\x02\x06": {Color: "RED", Shade: 0, Coats: 3, Name: "none"}, // GREEN is not known here: the default of the enum
	} {
		if err := c.Decode(append(head, wire...), &got); err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", wire, got, err, want)
		}
	}
	for want, bad := range map[string]paint{
		"avro: encode color: no symbol of the enum in the schema": {Color: "PINK"},
		"avro: encode shade: no symbol of the enum in the schema": {Color: "RED", Shade: -1},
		"avro: encode coats: out of range for the Avro type int":  {Color: "RED", Coats: 1 << 31},
	} {
		if _, err := c.Append(nil, bad); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestAnOwnSchemaRequiresWhatHasNoDefault(t *testing.T) {
	own, err := ParseSchema([]byte(rec(fld("X", `"int"`) + "," + fld("Y", `"int"`))))
	if err != nil {
		t.Fatal(err)
	}
	for schema, want := range map[string]string{
		rec(fld("X", `"int"`)): "avro: decode Y at byte 10: the schema of the writer does not fit: the schema of the writer has no field Y, and the own one no default for it; give it one",
		rec(fld("X", `["null","int"]`) + "," + fld("Y", `"int"`)): "avro: decode X at byte 11: want an integer, got the Avro type null",
	} {
		writer, err := ParseSchema([]byte(schema))
		if err != nil {
			t.Fatal(err)
		}
		sum := writer.Fingerprint()
		body := append(append([]byte{marker1, marker2}, sum[:]...), "\x00\x02"...)
		c := New(WithSchema(reflect.TypeFor[point](), own), WithStores(NewHistory(writer)))
		if err := c.Decode(body, new(point)); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestASchemaThatDoesNotFitTheTypeIsRefused(t *testing.T) {
	for schema, want := range map[string]string{
		rec(fld("X", `"int"`)): "avrocodec.point.Y: type cannot be carried: the schema has no field Y",
		rec(fld("X", `"int"`) + "," + fld("Y", `"int"`) + "," + fld("Z", `"int"`)): "avrocodec.point: type cannot be carried: the schema has the field Z, which the type lacks",
		rec(fld("X", `"int"`) + "," + fld("Y", `"string"`)):                        "avrocodec.point.Y: type cannot be carried: the schema has the Avro type string where the type has an integer",
		rec(fld("X", `"int"`) + "," + fld("Y", `["null","int"]`)):                  "avrocodec.point.Y: type cannot be carried: the schema has the Avro type union where the type has an integer",
		rec(fld("X", `"int"`) + `,{"name":"Y","type":"int","default":"1"}`):        "avrocodec.point.Y: type cannot be carried: the default of the schema is not of the Avro type int",
		rec(fld("X", `"int"`) + `,{"name":"Y","type":"int","default":4294967296}`): "avrocodec.point.Y: type cannot be carried: the default of the schema is no number of the Avro type int",
		`"string"`: "avrocodec.point: type cannot be carried: the schema has the Avro type string where the type has a struct",
	} {
		s, err := ParseSchema([]byte(schema))
		if err != nil {
			t.Fatal(err)
		}
		err = New(WithSchema(reflect.TypeFor[point](), s)).CheckType(reflect.TypeFor[*point]())
		if !errors.Is(err, codecs.ErrUnsupported) || err.Error() != "avro: check "+want {
			t.Errorf("%s:\ngot  %v\nwant avro: check %s", schema, err, want)
		}
	}
}
