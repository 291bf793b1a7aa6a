package access_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polywire/polywire/transport/access"
)

// A changing policy knows everybody by their token, and lets all but one do everything. It says that it has changed.
type changing struct {
	revision atomic.Uint64
	asked    atomic.Int64
	wrong    atomic.Pointer[error] // for the token anna; nil is none
	denied   atomic.Value          // of type string, whom it lets do nothing
	until    atomic.Int64          // when the identity of anna ends, in nanoseconds; 0 is never
}

func (c *changing) Revision() uint64 { return c.revision.Load() }

func (c *changing) Authenticate(_ context.Context, e access.Evidence) (*access.Identity, error) {
	c.asked.Add(1)
	name, ok, err := access.ParseBearer(e.Authorization)
	if !ok || err != nil {
		return nil, access.ErrNoCredentials
	}
	id := &access.Identity{Name: name}
	if name == "anna" {
		if err := c.wrong.Load(); err != nil {
			return nil, *err
		}
		if at := c.until.Load(); at != 0 {
			id.Expires = time.Unix(0, at)
		}
	}
	return id, nil
}

func (c *changing) Authorize(_ context.Context, id *access.Identity, _ access.Verb, _ string) error {
	if id.Name == c.denied.Load() {
		return access.ErrDenied
	}
	return nil
}

// opened is the life of a stream of name.
func opened(t *testing.T, gate *access.Gate, name string) (context.Context, context.CancelFunc) {
	t.Helper()
	id, err := gate.Enter(t.Context(), bearer(name))
	if err == nil {
		err = gate.Admit(t.Context(), id, access.Subscribe, "news")
	}
	if err != nil {
		t.Fatal(err)
	}
	return gate.Life(t.Context(), access.Claim{Evidence: bearer(name), Peer: id, Verb: access.Subscribe, Destination: "news"})
}

// An untold error is one of an authenticator that cannot tell now, with a code as the core gives it.
type untold struct{ error }

func (untold) Untold() {}

var away error = untold{errors.New("the server is away")}

func TestAStreamEndsOnceItsPolicyNoLongerLetsItIn(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(c *changing)
		want   error // of anna's stream; bob's goes on
		within time.Duration
	}{
		"credentials that are taken away": {func(c *changing) { c.wrong.Store(&access.ErrUnauthenticated) }, access.ErrUnauthenticated, 2 * time.Second},
		"a right that is taken away":      {func(c *changing) { c.denied.Store("anna") }, access.ErrDenied, 2 * time.Second},
		"an end that comes earlier":       {func(c *changing) { c.until.Store(time.Now().Add(30 * time.Second).UnixNano()) }, access.ErrUnauthenticated, 30 * time.Second},
		"nothing that counts":             {func(*changing) {}, nil, 0},
		"nobody who can tell":             {func(c *changing) { c.wrong.Store(&away) }, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &changing{}
				gate := access.NewGate(access.Policy{Authenticator: access.Either(access.NewCertificates(nil), c), Authorizer: c}, nil)
				anna, endAnna := opened(t, gate, "anna")
				defer endAnna()
				bob, endBob := opened(t, gate, "bob")
				defer endBob()
				time.Sleep(10*time.Second + 10*time.Millisecond) // of the fake clock
				if n := c.asked.Load(); n != 4 {
					t.Errorf("the policy was asked %d times while it did not change, want 4: each as it came, and once more", n)
				}
				tc.change(c)
				c.revision.Add(1)
				began := time.Now()
				select {
				case <-anna.Done():
				case <-time.After(time.Hour):
				}
				if got := gate.Ended(anna); !errors.Is(got, tc.want) || tc.want == nil && got != nil {
					t.Errorf("the stream ended with %v, want %v", got, tc.want)
				}
				if took := time.Since(began); tc.want != nil && took > tc.within {
					t.Errorf("it took %v, want %v at most", took, tc.within)
				}
				if bob.Err() != nil || gate.Ended(bob) != nil {
					t.Errorf("the stream of another ended: %v", context.Cause(bob))
				}
			})
		})
	}
}

func TestARefusalThatIsMendedAtOnceEndsNoStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &changing{}
		gate := access.NewGate(access.Policy{Authenticator: c}, nil)
		anna, end := opened(t, gate, "anna")
		defer end()
		time.Sleep(1500 * time.Millisecond)
		for range 2 { // a refusal of before does not count
			c.wrong.Store(&access.ErrUnauthenticated)
			c.revision.Add(1)
			time.Sleep(time.Second)
			c.wrong.Store(nil)
			c.revision.Add(1)
			time.Sleep(5 * time.Second)
		}
		if anna.Err() != nil {
			t.Errorf("the stream ended: %v", context.Cause(anna))
		}
	})
}

func TestAStreamOfATokenThatIsGoneEnds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const anna, bob = "anna-of-this-test", "bob-of-this-test"
	both := "anna " + hash(t, anna) + "\nbob " + hash(t, bob) + "\n"
	write(both)
	tokens, err := access.OpenTokens(file)
	if err != nil {
		t.Fatal(err)
	}
	gate := access.NewGate(access.Policy{Authenticator: access.Either(tokens)}, nil)
	one, endOne := opened(t, gate, anna)
	defer endOne()
	other, endOther := opened(t, gate, bob)
	defer endOther()
	write("bob " + hash(t, bob) + "\n")
	select {
	case <-one.Done():
	case <-time.After(30 * time.Second):
	}
	if err := gate.Ended(one); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("the stream ended with %v", err)
	}
	if other.Err() != nil {
		t.Errorf("the stream of another ended: %v", context.Cause(other))
	}
	last := tokens.Revision()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	select {
	case <-other.Done():
	case <-time.After(30 * time.Second):
	}
	if err := gate.Ended(other); !errors.Is(err, access.ErrUnauthenticated) || tokens.Revision() == last {
		t.Errorf("without a file: the stream ended with %v", err)
	}
}

// A slow policy takes a moment to notice that nobody waits for its answer about a stream.
type slow struct {
	changing
	asking, over atomic.Bool
}

func (s *slow) Authenticate(ctx context.Context, e access.Evidence) (*access.Identity, error) {
	id, err := s.changing.Authenticate(ctx, e)
	if s.asked.Load() > 1 {
		s.asking.Store(true)
		<-ctx.Done()
		time.Sleep(time.Millisecond) // of the fake clock
		s.over.Store(true)
	}
	return id, err
}

func TestTheLastStreamWaitsForWhoIsAskedAboutIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		gate := access.NewGate(access.Policy{Authenticator: s, Authorizer: s}, nil)
		_, end := opened(t, gate, "anna")
		time.Sleep(1500 * time.Millisecond) // of the fake clock
		if !s.asking.Load() {
			t.Fatal("nobody was asked")
		}
		end()
		if !s.over.Load() {
			t.Error("the question goes on when the stream has ended")
		}
	})
}
