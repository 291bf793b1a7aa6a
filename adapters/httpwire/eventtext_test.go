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
func eventOf(t testing.TB, e *transport.Envelope, f *frames) *event {
	t.Helper()
	r := eventRoom{buf: []byte{'{'}, frames: f}
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
	slices.Sort(want[paramList]) // a map's
	known := &frames{}
	known.missed.Store(missesForOne - 1)
	for _, f := range []*frames{nil, known, known} { // by none, by one that is made, by one that is there
		got := eventOf(t, e, f).Headers
		slices.Sort(got[paramList])
		if !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("of %q an event says\n%q, and a request\n%q", fields(e), got, want)
		}
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

func TestMessagesThatDifferAFieldGetAnotherFrame(t *testing.T) {
	known := &frames{}
	known.missed.Store(missesForOne - 1)
	for _, change := range []func(e *transport.Envelope){
		func(*transport.Envelope) {},
		func(e *transport.Envelope) { e.Source = "svc/2" },
		func(e *transport.Envelope) { e.ContentType = "text/html" },
		func(e *transport.Envelope) { e.Header.Set("tenant", "other") },
		func(e *transport.Envelope) { e.Header.Set("region", "eu") },
		func(e *transport.Envelope) { e.Key = "k" },
		func(e *transport.Envelope) { e.SetTrace("00-1", "") },
	} {
		e := &transport.Envelope{}
		e.ID, e.Source, e.ContentType = "id-1", "svc/1", "text/plain"
		e.Header.Set("tenant", "acme")
		change(e)
		for _, f := range []*frames{known, {}} {
			want := eventOf(t, e, nil).Headers
			if got := eventOf(t, e, f).Headers; !maps.EqualFunc(got, want, slices.Equal) {
				t.Errorf("by a frame an event says\n%q, and without\n%q", got, want)
			}
		}
	}
}

func TestAnEventIsWrittenWithoutAllocation(t *testing.T) {
	e := &transport.Envelope{}
	e.ID, e.Source, e.ContentType, e.Body, e.Time, e.Timeout = "id-1", "svc/1", "application/json", payload(), time.Now(), time.Second
	e.Destination = "trip.created"
	e.Header.Set("tenant", "t1")
	e.Header.Set("region", "eu")
	r := &eventRoom{buf: make([]byte, 0, 4096), frames: &frames{}}
	for range missesForOne {
		_ = r.frames.find(e)
	}
	got := testing.AllocsPerRun(100, func() {
		r.buf = append(r.buf[:0], '{')
		r.post(e)
	})
	if got > 0 {
		t.Errorf("%v allocations, want none", got)
	}
}
