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

// textOf is the server-sent event that a node writes for e.
func textOf(e *transport.Envelope, f *frames) string {
	r := eventRoom{frames: f}
	r.event(e)
	return string(r.buf)
}

// headersOf are those in the event that a node writes for e.
func headersOf(t testing.TB, e *transport.Envelope, f *frames) http.Header {
	t.Helper()
	v := &event{}
	text := textOf(e, f)
	if _, data, _ := strings.Cut(text, dataLine); json.Unmarshal([]byte(data), v) != nil {
		t.Fatalf("no JSON: %s", text)
	}
	return v.Headers
}

func agree(t testing.TB, e *transport.Envelope) {
	t.Helper()
	want := http.Header{}
	putFields(headerSink(want), e, true)
	slices.Sort(want[paramList]) // a map's
	known := &frames{}
	known.missed.Store(missesForOne - 1)
	for _, f := range []*frames{nil, known, known} { // by none, by one that is made, by one that is there
		got := headersOf(t, e, f)
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
		e.ID, e.Time, e.Timeout = "id-1", time.Unix(int64(len(kind)), int64(len(key))).UTC(), time.Duration(len(header))
		for line := range strings.SplitSeq(header+"\n"+taken, "\n") {
			name, value, _ := strings.Cut(line, "=")
			_ = e.SetField(name, value) && e.SetField("x-"+name, value) // what is none is left out
		}
		_ = e.SetField("polywire-content-type", kind) && e.SetField("polywire-accept", kind)
		_ = e.SetField("polywire-key", key) && e.SetField("polywire-param", "p="+key)
		agree(t, e)
	})
}

func TestAFrameWritesWhatIsWrittenWithoutOne(t *testing.T) {
	known := &frames{}
	known.missed.Store(missesForOne - 1)
	for _, change := range []func(e *transport.Envelope){
		func(*transport.Envelope) {},
		func(e *transport.Envelope) { e.Source = "svc/2" },
		func(e *transport.Envelope) { e.ContentType = "text/html" },
		func(e *transport.Envelope) { e.Header.Set("tenant", "other") },
		func(e *transport.Envelope) { e.Header.Set("region", "eu") },
		func(e *transport.Envelope) { e.Destination = "news.other" },
		func(e *transport.Envelope) { e.ID = "id-2" },
		func(e *transport.Envelope) { e.ID = "id%2\"" },
		func(e *transport.Envelope) { e.ID = "" },
		func(e *transport.Envelope) { e.Time = time.Unix(1, 5) },
		func(e *transport.Envelope) { e.Time = time.Time{} },
		func(e *transport.Envelope) { e.Timeout = 1 },
		func(e *transport.Envelope) { e.Timeout = 0 },
		func(e *transport.Envelope) { e.Body = []byte("two\nlines") },
		func(e *transport.Envelope) { e.Body = []byte{0xff} },
		func(e *transport.Envelope) { e.Body = nil },
		func(e *transport.Envelope) { e.Header = transport.Header{} },
		func(e *transport.Envelope) { e.Key = "k" },
		func(e *transport.Envelope) { e.SetTrace("00-1", "") },
	} {
		e := &transport.Envelope{}
		e.ID, e.Source, e.Destination, e.ContentType = "id-1", "svc/1", "news.local", "text/plain"
		e.Time, e.Timeout, e.Body = time.Unix(1<<31, 120), 1500*time.Millisecond, []byte("hello")
		e.Header.Set("tenant", "acme")
		change(e)
		for _, f := range []*frames{known, {}} {
			if got, want := textOf(e, f), textOf(e, nil); got != want {
				t.Errorf("by a frame an event is\n%q, and without\n%q", got, want)
			}
		}
	}
}

func TestTimesAreThoseOfRFC3339(t *testing.T) {
	var c clock
	now := time.Now()
	for _, at := range []time.Time{
		now, now.Add(time.Minute), now.Truncate(time.Second), now.Truncate(time.Microsecond), now.In(time.FixedZone("", 3600)),
		time.Unix(59, 1), time.Unix(0, 0), time.Unix(-1, 999_999_990), time.Unix(-61, 0), time.Unix(-1<<36, 1e8), {},
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), time.Date(12345, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(-7, 1, 2, 3, 4, 5, 6, time.UTC),
	} {
		for range 2 { // written, and known
			if got, want := string(c.append(nil, at)), at.UTC().Format(time.RFC3339Nano); got != want {
				t.Errorf("got %s, want %s", got, want)
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
		r.buf = r.buf[:0]
		r.event(e)
	})
	if got > 0 {
		t.Errorf("%v allocations, want none", got)
	}
}
