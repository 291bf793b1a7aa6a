package httpwire

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/transport"
)

// eventOf is the object that a node writes for e.
func eventOf(t testing.TB, e *transport.Envelope) *event {
	t.Helper()
	r := eventRoom{buf: []byte{'{'}}
	r.post(e)
	v := &event{}
	if text := append(r.buf, '}'); json.Unmarshal(text, v) != nil {
		t.Fatalf("no JSON: %s", text)
	}
	return v
}

func agree(t testing.TB, e *transport.Envelope) {
	t.Helper()
	want := http.Header{}
	putFields(headerSink(want), e, true)
	got := eventOf(t, e).Headers
	for _, h := range []http.Header{want, got} {
		slices.Sort(h[paramList]) // a map's
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("of %q an event says\n%q, and a request\n%q", fields(e), got, want)
	}
}

func TestEventsSayWhatRequestsSay(t *testing.T) {
	agree(t, fullEnvelope())
	agree(t, &transport.Envelope{})
	for _, accept := range []string{"*/*", "grüße", " x"} {
		e := &transport.Envelope{}
		e.Accept, e.ContentType, e.Timeout = accept, accept, 1
		agree(t, e)
	}
}

func FuzzEventsSayWhatRequestsSay(f *testing.F) {
	f.Add("tenant=acme\nregion=eu\nregion=us", "traceparent=\ntracestate=a=1\nhost=x", "text/plain", "k%,\"\\")
	f.Fuzz(func(t *testing.T, header, taken, kind, key string) {
		e := &transport.Envelope{}
		e.Time, e.Timeout = time.Unix(int64(len(kind)), int64(len(key))).UTC(), time.Duration(len(header))
		for line := range strings.SplitSeq(header+"\n"+taken, "\n") {
			name, value, _ := strings.Cut(line, "=")
			_ = e.SetField(name, value) && e.SetField("x-"+name, value) // what is none is left out
		}
		_ = e.SetField("polywire-content-type", kind) && e.SetField("polywire-accept", kind)
		_ = e.SetField("polywire-key", key) && e.SetField("polywire-param", "p="+key)
		agree(t, e)
	})
}

func TestAnEventIsWrittenWithoutAllocation(t *testing.T) {
	e := &transport.Envelope{}
	e.ID, e.Source, e.ContentType, e.Body, e.Time, e.Timeout = "id-1", "svc/1", "application/json", payload(), time.Now(), time.Second
	e.Destination = "trip.created"
	e.Header.Set("tenant", "t1")
	e.Header.Set("region", "eu")
	r := &eventRoom{buf: make([]byte, 0, 4096)}
	got := testing.AllocsPerRun(100, func() {
		r.buf = append(r.buf[:0], '{')
		r.post(e)
	})
	if got > 0 {
		t.Errorf("%v allocations, want none", got)
	}
}
