package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/polywire/polywire/transport/contract"
)

// TestTheCheckTakesWhatTheCodecTakes goes through every kind, right and wrong.
func TestTheCheckTakesWhatTheCodecTakes(t *testing.T) {
	for _, c := range []struct{ shape, body, want string }{
		{`{"kind":"bool"}`, `true`, ""},
		{`{"kind":"bool"}`, `1`, "the body is a number, and takes a boolean"},
		{`{"kind":"int","bits":8}`, `-128`, ""},
		{`{"kind":"int","bits":8}`, `-129`, "the body is -129, and takes a whole number of 8 bits"},
		{`{"kind":"int","bits":64}`, `9223372036854775808`, "the body is 9223372036854775808, and takes a whole number of 64 bits"},
		{`{"kind":"int","bits":64}`, `1.5`, "the body is 1.5, and takes a whole number"},
		{`{"kind":"int","bits":64}`, `1e3`, "the body is 1e3, and takes a whole number"},
		{`{"kind":"int","bits":64}`, `"1"`, "the body is a string, and takes a whole number"},
		{`{"kind":"int","bits":999}`, `1`, ""}, // of a stranger
		{`{"kind":"uint","bits":16}`, `65535`, ""},
		{`{"kind":"uint","bits":16}`, `-1`, "the body is -1, and takes a whole number from 0"},
		{`{"kind":"uint","bits":16}`, `65536`, "of 16 bits"},
		{`{"kind":"float","bits":32}`, `1.5`, ""},
		{`{"kind":"float","bits":32}`, `"NaN"`, ""},
		{`{"kind":"float","bits":32}`, `"-Infinity"`, ""},
		{`{"kind":"float","bits":32}`, `"1"`, "the body is a string, and takes a number"},
		{`{"kind":"float","bits":32}`, `1e300`, "the body is 1e300, and takes a number of 32 bits"},
		{`{"kind":"float","bits":64}`, `1e300`, ""},
		{`{"kind":"string"}`, `""`, ""},
		{`{"kind":"string"}`, `null`, "the body is null, and takes a string"},
		{`{"kind":"text"}`, `"x"`, ""},
		{`{"kind":"text"}`, `{}`, "the body is an object, and takes a string"},
		{`{"kind":"bytes"}`, `"AAEC"`, ""},
		{`{"kind":"bytes"}`, `"AAE"`, `the body is "AAE", and takes bytes in padded base64`},
		{`{"kind":"bytes"}`, `"AAEC\n"`, "padded base64"},
		{`{"kind":"bytes","len":2}`, `"AAEC"`, "the body has 3 bytes, and takes 2"},
		{`{"kind":"time"}`, `"2026-01-02T03:04:05Z"`, ""},
		{`{"kind":"time"}`, `"2026-01-02 03:04:05"`, `the body is "2026-01-02 03:04:05": want a time`},
		{`{"kind":"duration"}`, `1000000000`, ""},
		{`{"kind":"duration"}`, `"1s"`, "the body is a string, and takes a whole number of nanoseconds"},
		{`{"kind":"list","elem":{"kind":"int"}}`, `[]`, ""},
		{`{"kind":"list","elem":{"kind":"int"}}`, `[1,null]`, "[1] is null, and takes a whole number"},
		{`{"kind":"list","elem":{"kind":"int"}}`, `null`, "the body is null, and takes an array"},
		{`{"kind":"array","len":2,"elem":{"kind":"int"}}`, `[1]`, "the body has 1 items, and takes 2"},
		{`{"kind":"map","key":{"kind":"string"},"elem":{"kind":"int"}}`, `{"a":1}`, ""},
		{`{"kind":"map","key":{"kind":"string"},"elem":{"kind":"int"}}`, `{"a":null}`, `["a"] is null, and takes a whole number`},
		{`{"kind":"map","key":{"kind":"uint","bits":8},"elem":{"kind":"int"}}`, `{"256":1}`, `["256"], a key, is 256, and takes a whole number from 0 of 8 bits`},
		{`{"kind":"struct","type":"T"}`, `{"a":1}`, ""},
		{`{"kind":"struct","type":"T"}`, `{"a":1,"b":null,"c":null}`, ""},
		{`{"kind":"struct","type":"T"}`, `{"a":null}`, "a is missing, and takes a whole number"},
		{`{"kind":"struct","type":"T"}`, `{"a":1,"b":{"a":1,"b":{}}}`, "b.b.a is missing, and takes a whole number"},
		{`{"kind":"struct","type":"T"}`, `{"a":1,"zzz":1}`, "zzz is not known (known: a, b, c)"},
		{`{"kind":"struct","type":"T"}`, `{"a":1,"c":[{"a":1},{"a":"x"}]}`, "c[1].a is a string, and takes a whole number"},
		{`{"kind":"struct","type":"T"}`, `[]`, "the body is an array, and takes an object"},
		{`{"kind":"struct","type":"T"}`, `{"a":1}{"a":1}`, "the body is more than one value"},
		{`{"kind":"struct","type":"T"}`, `{"a":1,"a":1}`, "duplicate object member name"},
		{`{"kind":"message","type":"M"}`, `{"whatever":[1]}`, ""},
		{`{"kind":"message","type":"M"}`, `"3s"`, ""},
		{`{"kind":"message","type":"M"}`, `null`, "the body is null, and takes a message"},
	} {
		checkOne(t, c.shape, c.body, c.want)
	}
}

func checkOne(t *testing.T, shape, body, want string) {
	t.Helper()
	d, err := contract.ParseDescription([]byte(`{"polywire":1,"service":"s","operations":[{"destination":"x","style":"queue","request":` + shape + `}],
		"types":{"M":{"kind":"message"},"T":{"kind":"struct","fields":[{"name":"a","kind":"int"},{"name":"b","kind":"struct","type":"T","optional":true},
		{"name":"c","kind":"list","omitZero":true,"elem":{"kind":"struct","type":"T"}}]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	switch err := (&checker{d: d}).document(d.Operations[0].Request, json.RawMessage(body)); {
	case err == nil && want != "":
		t.Errorf("%s of %s: got no error, want %s", body, shape, want)
	case err != nil && (want == "" || !strings.Contains(err.Error(), want)):
		t.Errorf("%s of %s: got %v, want %q", body, shape, err, want)
	}
}
