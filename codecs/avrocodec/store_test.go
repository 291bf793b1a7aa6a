package avrocodec

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/polywire/polywire/codecs"
	"github.com/twmb/franz-go/pkg/sr"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// oldPoint is how points were written once, with one of them.
func oldPoint(t testing.TB) (*Schema, []byte) {
	t.Helper()
	s, err := ParseSchema([]byte(`{"type":"record","name":"point","fields":[` + fld("Y", `"int"`) + "," + fld("X", `"int"`) + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	sum := s.Fingerprint()
	return s, append(append([]byte{marker1, marker2}, sum[:]...), "\x04\x02"...)
}

// A fakeStore counts how often it is asked.
type fakeStore struct {
	asked atomic.Int32
	find  func(context.Context, Ref) (*Schema, error)
}

func (f *fakeStore) Find(ctx context.Context, ref Ref) (*Schema, error) {
	f.asked.Add(1)
	return f.find(ctx, ref)
}

func TestStoresAreAskedInOrder(t *testing.T) {
	s, body := oldPoint(t)
	down := &fakeStore{find: func(context.Context, Ref) (*Schema, error) { return nil, errors.New("down") }}
	knows := &fakeStore{find: func(_ context.Context, ref Ref) (*Schema, error) {
		if ref.Reader.Name() != "point" || ref.ByID || ref.Fingerprint != s.Fingerprint() {
			t.Errorf("got %+v", ref)
		}
		return s, nil
	}}
	never := &fakeStore{find: func(context.Context, Ref) (*Schema, error) { return nil, nil }}
	c := New(WithStores(NewHistory(), down), WithStores(knows, never))
	for range 3 {
		var got point
		if err := c.Decode(body, &got); err != nil || got != (point{1, 2}) {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	if down.asked.Load() != 1 || knows.asked.Load() != 1 || never.asked.Load() != 0 {
		t.Errorf("asked %d, %d and %d times, want 1, 1 and 0", down.asked.Load(), knows.asked.Load(), never.asked.Load())
	}
}

func TestWhatIsNotThereIsUnavailableAndNotAskedForAgainAtOnce(t *testing.T) {
	_, body := oldPoint(t)
	for answer, wait := range map[error]time.Duration{nil: missingFor, errors.New("down"): failedFor} {
		synctest.Test(t, func(t *testing.T) {
			store := &fakeStore{find: func(context.Context, Ref) (*Schema, error) { return nil, answer }}
			c := New(WithStores(store))
			for _, tc := range []struct {
				pause time.Duration
				want  int32
			}{{0, 1}, {0, 1}, {wait - time.Millisecond, 1}, {2 * time.Millisecond, 2}} {
				time.Sleep(tc.pause)
				if err := c.Decode(body, new(point)); !errors.Is(err, codecs.ErrUnavailable) {
					t.Fatalf("got %v", err)
				}
				if got := store.asked.Load(); got != tc.want {
					t.Errorf("%v: asked %d times, want %d", answer, got, tc.want)
				}
			}
		})
	}
}

func TestAStoreThatPanicsIsUnavailable(t *testing.T) {
	_, body := oldPoint(t)
	store := &fakeStore{find: func(context.Context, Ref) (*Schema, error) { panic("mine") }}
	err := New(WithStores(store)).Decode(body, new(point))
	if !errors.Is(err, codecs.ErrUnavailable) || !strings.Contains(err.Error(), "a store panicked") {
		t.Errorf("got %v, want the panic as an error that may pass", err)
	}
}

func TestManyWhoNeedOneSchemaAskOnce(t *testing.T) {
	s, body := oldPoint(t)
	synctest.Test(t, func(t *testing.T) {
		store := &fakeStore{find: func(ctx context.Context, _ Ref) (*Schema, error) {
			time.Sleep(time.Second)
			return s, nil
		}}
		c := New(WithStores(store))
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				var got point
				if err := c.Decode(body, &got); err != nil || got != (point{1, 2}) {
					t.Errorf("got %+v, %v", got, err)
				}
			})
		}
		wg.Wait()
		if got := store.asked.Load(); got != 1 {
			t.Errorf("asked %d times, want once", got)
		}
	})
}

func TestNobodyWaitsLongerThanThePatience(t *testing.T) {
	_, body := oldPoint(t)
	synctest.Test(t, func(t *testing.T) {
		stubborn := &fakeStore{find: func(context.Context, Ref) (*Schema, error) {
			time.Sleep(time.Minute) // it does not obey its context
			return nil, nil
		}}
		c := New(WithStores(stubborn), WithPatience(3*time.Second))
		began := time.Now()
		err := c.Decode(body, new(point))
		if took := time.Since(began); !errors.Is(err, codecs.ErrUnavailable) || took != 3*time.Second {
			t.Errorf("got %v after %v", err, took)
		}
		for i := range maxCalls + 4 { // others wait as long, until there are too many
			other := append([]byte(nil), body...)
			other[5] ^= byte(i + 1)
			began := time.Now()
			err := c.Decode(other, new(point))
			want := 3 * time.Second
			if i >= maxCalls-1 {
				want = 0
			}
			if took := time.Since(began); !errors.Is(err, codecs.ErrUnavailable) || took != want {
				t.Fatalf("lookup %d: got %v after %v, want %v", i+1, err, took, want)
			}
		}
		time.Sleep(time.Minute)
	})
}

func TestAStoreThatLiesIsNotBelieved(t *testing.T) {
	_, body := oldPoint(t)
	other, err := ParseSchema([]byte(`"int"`))
	if err != nil {
		t.Fatal(err)
	}
	c := New(WithStores(&fakeStore{find: func(context.Context, Ref) (*Schema, error) { return other, nil }}))
	if err := c.Decode(body, new(point)); !errors.Is(err, codecs.ErrUnavailable) || !strings.Contains(err.Error(), "another fingerprint") {
		t.Errorf("got %v", err)
	}
}

func TestWhatAFinderHoldsIsBounded(t *testing.T) {
	c := New()
	_, body := oldPoint(t)
	for i := range maxMissing + 100 {
		body[4], body[5] = byte(i), byte(i>>8)
		if err := c.Decode(body, new(point)); !errors.Is(err, codecs.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if n := len(c.finder.missing); n == 0 || n > maxMissing {
		t.Errorf("%d are held, want at most %d", n, maxMissing)
	}
	var cache readerCache
	for i := range maxReaders + 100 {
		cache.put(readerKey{refKey: refKey{ref: uint64(i)}}, &keptReader{})
	}
	held := 0
	cache.kept.Range(func(any, any) bool { held++; return true })
	if held == 0 || held > maxReaders {
		t.Errorf("%d readers are held, want at most %d", held, maxReaders)
	}
}

func TestAHistoryIsAnyFileSystem(t *testing.T) {
	s, body := oldPoint(t)
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/v1", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/v1/point.avsc", []byte(s.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/readme.txt", []byte("not a schema"), 0o644); err != nil {
		t.Fatal(err)
	}
	h, err := ReadHistory(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	var got point
	if err := New(WithStores(h)).Decode(body, &got); err != nil || got != (point{1, 2}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, text := range []string{`{"type":`, `"` + strings.Repeat("a", maxSchemaBytes) + `"`} {
		_, err := ReadHistory(fstest.MapFS{"a/bad.avsc": {Data: []byte(text)}})
		if err == nil || !strings.Contains(err.Error(), "a/bad.avsc") {
			t.Errorf("got %v", err)
		}
	}
}

// A registryServer is a schema registry: what it answers to each path, and how often
// it was asked.
type registryServer struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]func(http.ResponseWriter, *http.Request)
	asked   map[string]int
}

func newRegistryServer(t *testing.T) *registryServer {
	s := &registryServer{answers: make(map[string]func(http.ResponseWriter, *http.Request)), asked: make(map[string]int)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Method + " " + r.URL.Path
		s.mu.Lock()
		s.asked[key]++
		answer := s.answers[key]
		s.mu.Unlock()
		if answer == nil {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error_code":40401,"message":"not found: s3cret"}`)
			return
		}
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *registryServer) says(key, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[key] = func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
}

func (s *registryServer) count(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[key]
}

func (s *registryServer) registry(t *testing.T, opts ...RegistryOption) *Registry {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	r, err := NewRegistry(s.URL, append(opts, WithClient(sr.HTTPClient(client)))...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestARegistryIsAskedByNumber(t *testing.T) {
	s := newRegistryServer(t)
	old, _ := oldPoint(t)
	s.says("GET /schemas/ids/7", fmt.Sprintf(`{"schema":%q}`, old))
	s.says("POST /subjects/point", `{"id":9,"version":1,"subject":"point","schema":"\"int\""}`)
	c := New(WithConfluent(s.registry(t)))
	for range 3 {
		var got point
		if err := c.Decode([]byte("\x00\x00\x00\x00\x07\x04\x02"), &got); err != nil || got != (point{1, 2}) {
			t.Fatalf("got %+v, %v", got, err)
		}
		if body, err := c.Append(nil, point{1, 2}); err != nil || string(body) != "\x00\x00\x00\x00\x09\x02\x04" {
			t.Fatalf("got %q, %v", body, err)
		}
	}
	if s.count("GET /schemas/ids/7") != 1 || s.count("POST /subjects/point") != 1 {
		t.Errorf("asked %v", s.asked)
	}
	for _, body := range []string{"\x00\x00\x00\x00\x08\x02\x04", "\x00\x00\x00\x00\x08\x02\x04", "\x00\xff\xff\xff\xff\x02\x04"} {
		if err := c.Decode([]byte(body), new(point)); !errors.Is(err, codecs.ErrUnavailable) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("got %v", err)
		}
	}
	if s.count("GET /schemas/ids/8") != 1 {
		t.Errorf("a number that is not there is asked for %d times", s.count("GET /schemas/ids/8"))
	}
	if err := c.Decode([]byte("\xc3\x01"), new(point)); err == nil || errors.Is(err, codecs.ErrUnavailable) {
		t.Errorf("a single object: got %v", err)
	}
}

func TestARegistryIsLookedThroughForAFingerprint(t *testing.T) {
	s := newRegistryServer(t)
	old, body := oldPoint(t)
	s.says("GET /subjects/points/versions", `[1,3,2]`)
	for n, schema := range map[int]string{1: old.String(), 2: `{"type":`, 3: `"int"`} {
		s.says(fmt.Sprintf("GET /subjects/points/versions/%d", n), fmt.Sprintf(`{"subject":"points","id":%d,"version":%d,"schema":%q}`, n, n, schema))
	}
	c := New(WithStores(s.registry(t, WithSubjects(func(s *Schema) []string { return []string{s.Name() + "s"} }))))
	var got point
	if err := c.Decode(body, &got); err != nil || got != (point{1, 2}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for i := range 20 { // fingerprints that somebody made up
		body[5] = byte(i)
		_ = c.Decode(body, new(point))
	}
	if n := s.count("GET /subjects/points/versions/1"); n != 1 {
		t.Errorf("a version, which never changes, is asked for %d times", n)
	}
}

func TestARegistryThatRefusesOrFails(t *testing.T) {
	const key = "GET /schemas/ids/7"
	for rule, tc := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		want   string
	}{
		"an error":   {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "s3cret", 500) }, "answered 500"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, "answered 302"},
		"no JSON":    {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "s3cret") }, "cannot be reached, or its answer not be read"},
		"more than 1 MiB": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"schema":"%s"}`, strings.Repeat(" ", 2<<20))
		}, "cannot be reached, or its answer not be read"},
		"a schema that is none": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"schema":"{"}`) }, "not valid JSON"},
		"another format":        {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"schema":"x","schemaType":"JSON"}`) }, "another format"},
		"references to nothing": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"schema":"\"int\"","references":[{"name":"a","subject":"b","version":1}]}`)
		}, `version 1 of "b", which the registry does not have`},
		"references to more than it may": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"schema":"\"int\"","references":[%s{"name":"z","subject":"known","version":99}]}`, manyReferences(99))
		}, "refers to more than 64 others"},
		"nothing in time": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "in time"},
	} {
		t.Run(rule, func(t *testing.T) {
			s := newRegistryServer(t)
			s.answers[key] = tc.answer
			patience := 10 * time.Second
			if rule == "nothing in time" {
				patience = 50 * time.Millisecond
			}
			c := New(WithConfluent(s.registry(t)), WithPatience(patience))
			err := c.Decode([]byte("\x00\x00\x00\x00\x07\x02"), new(int))
			if !errors.Is(err, codecs.ErrUnavailable) || strings.Contains(err.Error(), "s3cret") || len(err.Error()) > 256 {
				t.Fatalf("got %v", err)
			}
			if rule != "nothing in time" && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestARegistryGetsThePasswordAndNobodyElse(t *testing.T) {
	s := newRegistryServer(t)
	s.answers["POST /subjects/int"] = func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); !ok || user != "ada" || password != "s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"id":1}`)
	}
	s.says("POST /subjects/long", `{"id":1}`)
	with := New(WithConfluent(s.registry(t, WithClient(sr.BasicAuth("ada", "s3cret")))))
	if _, err := with.Append(nil, int32(1)); err != nil {
		t.Error(err)
	}
	if _, err := New(WithConfluent(s.registry(t))).Append(nil, int32(1)); !errors.Is(err, codecs.ErrUnavailable) || !strings.Contains(err.Error(), "answered 401") {
		t.Errorf("without: got %v", err)
	}
	for _, url := range []string{"http://ada:s3cret@registry.example:8081", "http://registry.example:8081"} {
		_, err := NewRegistry(url, WithClient(sr.BasicAuth("ada", "s3cret")))
		if err == nil || !strings.Contains(err.Error(), "in the clear") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v", url, err)
		}
		if _, err := NewRegistry(url, WithClient(sr.BasicAuth("ada", "s3cret")), WithInsecurePlaintext()); err != nil {
			t.Error(err)
		}
	}
	for _, url := range []string{"", "registry", "ftp://registry", "http://"} {
		if _, err := NewRegistry(url); err == nil {
			t.Errorf("%q is accepted", url)
		}
	}
}

func TestASchemaIsRegisteredWhenItMayBe(t *testing.T) {
	s := newRegistryServer(t)
	s.says("POST /subjects/point/versions", `{"id":3}`)
	s.says("GET /schemas/ids/3/versions", `[{"subject":"point","version":1}]`)
	s.says("GET /subjects/point/versions/1", `{"subject":"point","version":1,"id":3,"schema":"\"int\""}`)
	if _, err := New(WithConfluent(s.registry(t))).Append(nil, point{}); !errors.Is(err, codecs.ErrUnavailable) || !strings.Contains(err.Error(), "WithRegistration") {
		t.Errorf("got %v", err)
	}
	body, err := New(WithConfluent(s.registry(t, WithRegistration()))).Append(nil, point{1, 2})
	if err != nil || string(body) != "\x00\x00\x00\x00\x03\x02\x04" {
		t.Errorf("got %q, %v; asked %v", body, err, s.asked)
	}
}

func TestOneCodecServesManyGoroutines(t *testing.T) {
	old, body := oldPoint(t)
	c := New(WithStores(NewHistory(old)))
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 50 {
				var got point
				if err := c.Decode(body, &got); err != nil || got != (point{1, 2}) {
					t.Errorf("got %+v, %v", got, err)
				}
				own, err := c.Append(nil, &tree{Value: 1, Next: &tree{}})
				var back tree
				if err != nil || c.Decode(own, &back) != nil || !reflect.DeepEqual(back, tree{Value: 1, Next: &tree{}}) {
					t.Errorf("got %+v, %v", back, err)
				}
			}
		})
	}
	wg.Wait()
}
