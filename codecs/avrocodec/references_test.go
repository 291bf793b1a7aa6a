package avrocodec

import (
	"fmt"
	"strings"
	"testing"
)

// A trip of another program, which has registered its parts one by one.
type (
	place struct {
		Lat  float64 `wire:"lat,1"`
		City string  `wire:"city,2"`
	}
	stop struct {
		At   place  `wire:"at,1"`
		Next *stop  `wire:"next,2"`
		Kind string `wire:"kind,3"`
	}
	referringTrip struct {
		From place  `wire:"from,1"`
		To   place  `wire:"to,2"`
		Via  []stop `wire:"via,3"`
		Kind string `wire:"kind,4"`
	}
)

func TestARegistrySchemaIsReadWithWhatItRefersTo(t *testing.T) {
	const (
		placeSchema = `{"type":"record","name":"Place","namespace":"geo","fields":[{"name":"lat","type":"double"},{"name":"city","type":"string"}]}`
		stopSchema  = `{"type":"record","name":"road.Stop","fields":[{"name":"at","type":"geo.Place"},{"name":"next","type":["null","Stop"]},
			{"name":"kind","type":{"type":"enum","name":"Kind","symbols":["short","long"]}}]}`
		tripSchema = `{"type":"record","name":"Trip","namespace":"road","fields":[{"name":"from","type":"geo.Place"},{"name":"to","type":{"type":"geo.Place"}},
			{"name":"via","type":{"type":"array","items":"Stop"}},{"name":"kind","type":"road.Kind"}]}`
	)
	s := newRegistryServer(t)
	refer := func(schema string, refs ...string) string {
		var list []string
		for _, r := range refs {
			list = append(list, fmt.Sprintf(`{"name":%q,"subject":%q,"version":3}`, r, r))
		}
		return fmt.Sprintf(`{"schema":%q,"references":[%s]}`, schema, strings.Join(list, ","))
	}
	s.says("GET /schemas/ids/7", refer(tripSchema, "place", "stop"))
	s.says("GET /subjects/place/versions/3", refer(placeSchema))
	s.says("GET /subjects/stop/versions/3", refer(stopSchema, "place", "stop")) // round and round
	whole, err := ParseSchema([]byte(`{"type":"record","name":"Trip","namespace":"road","fields":[{"name":"from","type":` + placeSchema + `},
		{"name":"to","type":"geo.Place"},{"name":"via","type":{"type":"array","items":` + stopSchema + `}},{"name":"kind","type":"Kind"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.registry(t).Find(t.Context(), Ref{ByID: true, ID: 7})
	if err != nil || got.Canonical() != whole.Canonical() {
		t.Fatalf("got %v, %v\nwant %v", got, err, whole)
	}
	if n := s.count("GET /subjects/place/versions/3"); n != 1 {
		t.Errorf("a schema that two refer to is asked for %d times", n)
	}
	body := []byte("\x00\x00\x00\x00\x07" + "\x00\x00\x00\x00\x00\x00\xf0?\x02A" + "\x00\x00\x00\x00\x00\x00\x00@\x02B" + "\x00" + "\x02")
	var trip referringTrip
	if err := New(WithConfluent(s.registry(t))).Decode(body, &trip); err != nil || trip.To != (place{2, "B"}) || trip.Kind != "long" {
		t.Errorf("got %+v, %v", trip, err)
	}
}

func TestAReferenceThatCannotBeHadNowIsAskedForAgain(t *testing.T) {
	s := newRegistryServer(t)
	old, body := oldPoint(t)
	s.says("GET /subjects/point/versions", `[1]`)
	s.says("GET /subjects/point/versions/1", fmt.Sprintf(`{"schema":%q,"references":[{"name":"x","subject":"x","version":1}]}`, old))
	s.says("GET /subjects/x/versions/1", `{`)
	r := s.registry(t)
	var fingerprint [8]byte
	copy(fingerprint[:], body[2:])
	find := func() (*Schema, error) {
		return r.Find(t.Context(), Ref{Fingerprint: fingerprint, Reader: old})
	}
	if got, err := find(); err == nil {
		t.Fatalf("got %v", got)
	}
	s.says("GET /subjects/x/versions/1", `{"schema":"\"int\""}`)
	if got, err := find(); err != nil || got == nil {
		t.Errorf("got %v, %v", got, err)
	}
}

func manyReferences(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"name":"a","subject":"known","version":%d},`, i)
	}
	return b.String()
}
