package httpwire

import (
	"bufio"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestASilentStreamOfHTTP2Lives holds that no time is up for a stream on which nothing is written.
func TestASilentStreamOfHTTP2Lives(t *testing.T) {
	t.Cleanup(awaitHTTP2)
	l := defaultLimits()
	l.ping, l.write = 300*time.Millisecond, 200*time.Millisecond
	a := limited(t, "", l)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	t.Cleanup(client.CloseIdleConnections)
	for _, path := range []string{"/subscribe/news.*", "/subscribe/news.*?credit=1", "/healthz?watch"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.Addr()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			lines := bufio.NewScanner(resp.Body)
			for signs := range 4 {
				if !lines.Scan() {
					t.Fatalf("the stream ended after %d signs of life: %v", signs, lines.Err())
				}
			}
		})
	}
}

// A timedWriter holds that a peer has its time for all that is written to it, and tells whether one runs.
type timedWriter struct {
	*httptest.ResponseRecorder
	t     *testing.T
	timed bool
}

func (w *timedWriter) SetReadDeadline(time.Time) error { return nil }

func (w *timedWriter) SetWriteDeadline(at time.Time) error {
	w.timed = !at.IsZero()
	return nil
}

func (w *timedWriter) WriteHeader(status int) {
	w.check("the head")
	w.ResponseRecorder.WriteHeader(status)
}

func (w *timedWriter) Write(b []byte) (int, error) {
	w.check(string(b))
	return w.ResponseRecorder.Write(b)
}

func (w *timedWriter) FlushError() error {
	w.check("flush")
	return nil
}

func (w *timedWriter) check(what string) {
	w.t.Helper()
	if !w.timed {
		w.t.Errorf("%.40q: the peer may take for ever", what)
	}
}

func (w *timedWriter) idle(after string) {
	w.t.Helper()
	if w.timed {
		w.t.Errorf("after %s a time runs while nothing is written", after)
	}
}

func TestAPeerOfHTTP2HasItsTimeForWhatIsWrittenAlone(t *testing.T) {
	a := limited(t, "", defaultLimits())
	w := &timedWriter{httptest.NewRecorder(), t, false}
	v := &visit{n: a.node, w: w, r: httptest.NewRequest(http.MethodGet, "/", nil), rc: http.NewResponseController(w)}
	v.r.ProtoMajor = 2
	out := v.begin()
	w.idle("the head")
	if err := out.hello(); err != nil {
		t.Error(err)
	}
	w.idle("hello")
	if err := errors.Join(out.cancel(1), out.flush()); err != nil {
		t.Error(err)
	}
	w.idle("an event")
	p := &responsePen{v}
	p.by(time.Now().Add(time.Second))
	if err := p.send([]byte("data: 1\n\n")); err != nil {
		t.Error(err)
	}
	w.idle("an event of a pen")
}
