package homes

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/endpoints"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A conn is what the tests have as a connection.
type conn struct {
	address         string
	retired, closed bool // guarded by world.mu
}

// A world is what an adapter does and a resolver says.
type world struct {
	mu      sync.Mutex // guards the fields below
	answers []endpoints.Endpoint
	err     error
	ttl     time.Duration
	changed chan struct{}
	asked   []time.Time
	conns   []*conn
	told    int
}

func (w *world) Resolve(context.Context, *url.URL) (endpoints.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, time.Now())
	return endpoints.Answer{Endpoints: slices.Clone(w.answers), TTL: w.ttl, Changed: w.changed}, w.err
}

func (w *world) say(addresses ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers = nil
	for _, a := range addresses {
		w.answers = append(w.answers, endpoints.Endpoint{Address: a})
	}
}

func (w *world) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

// home makes a table with one row, s, of these endpoints.
func (w *world) home(t *testing.T, o Options, entries ...string) *Peers[*conn] {
	t.Helper()
	table, err := New(Config[*conn]{
		Services: []transport.Service{{Name: "s", Owns: []string{">"}, Endpoints: entries}}, Options: o,
		Resolvers: map[string]endpoints.Resolver{"test": w}, Address: asIs,
		Open: func(e endpoints.Endpoint) *conn {
			c := &conn{address: e.Address}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.conns = append(w.conns, c)
			return c
		},
		Retire:  func(c *conn) { w.mu.Lock(); c.retired = true; w.mu.Unlock() },
		Close:   func(c *conn) { w.mu.Lock(); c.closed = true; w.mu.Unlock() },
		Changed: func(*Peers[*conn]) { w.mu.Lock(); w.told++; w.mu.Unlock() },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := table.Close(context.Background()); err != nil {
			t.Error(err)
		}
		for _, c := range w.conns {
			if !c.closed {
				t.Errorf("the connection to %s is open after Close", c.address)
			}
		}
	})
	return table.Of("x")
}

// try gives one message to home, whose endpoints answer as the func says, and lists those tried.
func try(t *testing.T, home *Peers[*conn], key string, idempotent bool, answer func(address string) Outcome) (tried []string) {
	t.Helper()
	tries := home.Tries(key, idempotent)
	for {
		l, err := tries.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		tried = append(tried, l.Conn.address)
		if !tries.Again(t.Context(), l, answer(l.Conn.address)) {
			return tried
		}
	}
}

func all(o Outcome) func(string) Outcome { return func(string) Outcome { return o } }

func ten() (list []string) {
	for i := range 10 {
		list = append(list, fmt.Sprintf("h%d:1", i))
	}
	return list
}

func TestEndpointsTakeTurns(t *testing.T) {
	home := (&world{}).home(t, Options{}, ten()...)
	n := map[string]int{}
	for range 1000 {
		n[try(t, home, "", false, all(Answered))[0]]++
	}
	for _, a := range ten() {
		if n[a] != 100 {
			t.Errorf("%s got %d of 1000 messages, want 100", a, n[a])
		}
	}
}

func TestWeightsShareMessagesInAnyStretch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{answers: []endpoints.Endpoint{{Address: "a", Weight: 6}, {Address: "b", Weight: 3}, {Address: "c", Weight: 1}, {Address: "spare", Priority: 1}}}
		home := w.home(t, Options{}, "test:///s")
		for range 5 {
			n := map[string]int{}
			for range 100 {
				n[try(t, home, "", false, all(Answered))[0]]++
			}
			if a, b, c := n["a"], n["b"], n["c"]; a < 57 || a > 63 || b < 27 || b > 33 || c < 7 || c > 13 || n["spare"] != 0 {
				t.Errorf("of 100 messages: %v, want 60, 30, 10 and none", n)
			}
		}
	})
}

func TestTheLessLoadedOfTwoGetsTheMessage(t *testing.T) {
	home := (&world{}).home(t, Options{Least: true}, ten()...)
	var held []Lease[*conn]
	n := map[string]int{}
	for range 200 { // none of which ends
		tries := home.Tries("", false)
		l, err := tries.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, l)
		n[l.Conn.address]++
	}
	for a, got := range n {
		if got < 15 || got > 25 {
			t.Errorf("%s has %d of 200 messages in progress, want about 20: %v", a, got, n)
		}
	}
	for _, l := range held {
		if l.Conn.address != "h0:1" {
			l.Release()
		}
	}
	hits := 0
	for range 500 { // the others are idle
		if try(t, home, "", false, all(Answered))[0] == "h0:1" {
			hits++
		}
	}
	if hits > 0 {
		t.Errorf("the endpoint with 20 messages in progress got %d of 500 more, the others being idle", hits)
	}
	for _, l := range held {
		if l.Conn.address == "h0:1" {
			l.Release()
		}
	}
}

func TestMessagesOfAKeyStayWhenOtherEndpointsLeave(t *testing.T) {
	before := (&world{}).home(t, Options{}, ten()...)
	after := (&world{}).home(t, Options{}, ten()[:9]...)
	moved, n := 0, map[string]int{}
	for i := range 2000 {
		key := fmt.Sprint("key", i)
		was, is := try(t, before, key, false, all(Answered))[0], try(t, after, key, false, all(Answered))[0]
		n[was]++
		if again := try(t, before, key, false, all(Answered))[0]; again != was {
			t.Fatalf("key %s went to %s and to %s", key, was, again)
		}
		if was != is && was != "h9:1" {
			moved++
		}
	}
	if moved > 0 {
		t.Errorf("%d keys moved whose endpoint stayed", moved)
	}
	for a, got := range n {
		if got < 130 || got > 270 {
			t.Errorf("%s has %d of 2000 keys, want about 200", a, got)
		}
	}
}

func TestOnlyWhatProvablyDidNothingOrMayBeDoneTwiceIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		outcome    Outcome
		idempotent bool
		want       int // tries, of three endpoints
	}{
		{Answered, true, 1}, {GaveUp, true, 1}, {Lost, false, 1}, {Refused, false, 3}, {Declined, false, 3}, {Leaving, false, 3 * maxRounds}, {Lost, true, 6},
	} {
		synctest.Test(t, func(t *testing.T) {
			home := (&world{}).home(t, Options{}, "a", "b", "c")
			if got := try(t, home, "", c.idempotent, all(c.outcome)); len(got) != c.want {
				t.Errorf("outcome %d, idempotent %v: tried %v, want %d tries", c.outcome, c.idempotent, got, c.want)
			}
		})
	}
}

func TestAMessageThatIsDeclinedByThreeIsDeclined(t *testing.T) {
	home := (&world{}).home(t, Options{}, ten()...)
	if got := try(t, home, "", false, all(Declined)); len(got) != 3 {
		t.Errorf("tried %v, want 3", got)
	}
}

func TestAnEndpointThatGoesAwayCostsNoneOfManyMessagesInProgress(t *testing.T) {
	for _, outcome := range []Outcome{Refused, Leaving} {
		home := (&world{}).home(t, Options{}, "leaves", "stays")
		tries, leases := make([]Tries[*conn], 200), make([]Lease[*conn], 200)
		for i := range tries {
			tries[i] = home.Tries("", false)
			var err error
			if leases[i], err = tries[i].Next(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for i := range tries { // all of them are in progress
			switch l := leases[i]; l.Conn.address {
			case "stays":
				tries[i].Again(t.Context(), l, Answered)
			default:
				if !tries[i].Again(t.Context(), l, outcome) {
					t.Fatalf("outcome %d: message %d is not tried at the endpoint that stays", outcome, i)
				}
				next, err := tries[i].Next(t.Context())
				if err != nil || next.Conn.address != "stays" {
					t.Fatalf("outcome %d: got %s, %v", outcome, next.Conn.address, err)
				}
				tries[i].Again(t.Context(), next, Answered)
			}
		}
		if got := try(t, home, "", false, all(Answered)); got[0] != "stays" {
			t.Errorf("outcome %d: the next message goes to the endpoint that leaves", outcome)
		}
	}
}

func TestEndpointsOfWhichOneWasLeavingAreTriedOnceMore(t *testing.T) {
	for name, second := range map[string]Outcome{"the other refuses": Refused, "the other has no handler yet": Declined, "the other leaves too": Leaving} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				home := (&world{}).home(t, Options{}, "a", "b")
				n, begun := 0, time.Now()
				tried := try(t, home, "", false, func(string) Outcome {
					n++
					return []Outcome{Leaving, second, Answered}[n-1]
				})
				if len(tried) != 3 {
					t.Errorf("tried %v, want 3 tries", tried)
				}
				if waited := time.Since(begun); waited >= pauseBeforeRound {
					t.Errorf("the second round began after %v, want less than %v", waited, pauseBeforeRound)
				}
			})
		})
	}
}

func TestRoundsEndWithTheCtx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		home := (&world{}).home(t, Options{}, "a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		tries, n := home.Tries("", false), 0
		for again := true; again; n++ {
			l, err := tries.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			again = tries.Again(ctx, l, Leaving)
		}
		if n == maxRounds {
			t.Errorf("%d tries of a message whose ctx ends within the first pauses", n)
		}
	})
}

func TestAListOfEndpointsThatAllRefuseIsNotTriedToItsEndByEachMessage(t *testing.T) {
	home := (&world{}).home(t, Options{}, ten()...)
	n := 0
	for range 100 {
		n += len(try(t, home, "", false, all(Refused)))
	}
	if n > 100*(1+maxGone)+20+100/5 {
		t.Errorf("100 messages made %d tries", n)
	}
}

func TestFurtherTriesAreAFifthOfMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		home := (&world{}).home(t, Options{}, "a", "b")
		tries, messages := 0, 10_000
		for range messages {
			tries += len(try(t, home, "", true, all(Lost)))
		}
		if more := tries - messages; more < messages/5 || more > messages/5+20 {
			t.Errorf("%d messages to a home in trouble made %d further tries, want a fifth and the 20 of a quiet time", messages, more)
		}
	})
}

func TestAnEndpointThatRefusesIsSetAsideForLongerEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		home := (&world{}).home(t, Options{}, "good", "bad")
		start := time.Now()
		var at []time.Duration
		for time.Since(start) < 5*time.Minute {
			try(t, home, "", false, func(address string) Outcome {
				if address == "bad" {
					at = append(at, time.Since(start))
					return Refused
				}
				return Answered
			})
			time.Sleep(10 * time.Millisecond)
		}
		if len(at) < 10 || len(at) > 25 {
			t.Errorf("an endpoint that refuses was tried %d times in 5 minutes: %v", len(at), at)
		}
		if gap := at[len(at)-1] - at[len(at)-2]; gap < 15*time.Second || gap > 31*time.Second {
			t.Errorf("the last gap is %v, want 15 to 30 s", gap)
		}
		n := 0
		for range 10 { // back in service with its first answer
			time.Sleep(31 * time.Second)
			if try(t, home, "", false, all(Answered))[0] == "bad" {
				n++
			}
		}
		if n < 4 || n > 6 {
			t.Errorf("once it answers it got %d of 10", n)
		}
	})
}

func TestAHomeAllOfWhichRefusedIsStillTried(t *testing.T) {
	home := (&world{}).home(t, Options{}, "a", "b")
	try(t, home, "", false, all(Refused))
	if got := try(t, home, "", false, all(Answered)); len(got) != 1 {
		t.Errorf("tried %v, want one of them", got)
	}
}

func TestAConnectionIsRenewedAndTheOldOneEndsWithItsLastMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		home := w.home(t, Options{Renew: time.Minute}, "a")
		e, _ := home.Fixed()
		long, _ := e.Take()
		time.Sleep(67 * time.Second)
		other, _ := e.Take()
		if other.Conn == long.Conn || !long.Conn.retired || long.Conn.closed {
			t.Errorf("after its time the connection is the same: %v, retired %v, closed %v", other.Conn == long.Conn, long.Conn.retired, long.Conn.closed)
		}
		long.Release()
		if !long.Conn.closed || other.Conn.closed {
			t.Errorf("with its last message the old is closed: %v, the new: %v", long.Conn.closed, other.Conn.closed)
		}
		other.Release()
	})
}

func TestResolversAreAskedAgainAndTheLastGoodAnswerStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{ttl: 20 * time.Second}
		w.say("a", "b")
		home := w.home(t, Options{}, "test:///s")
		if all, err := home.Wait(t.Context()); err != nil || len(all) != 2 {
			t.Fatalf("first answer: %v, %v", all, err)
		}
		a := home.Current()[0]
		use, _ := a.Take()
		w.say("b", "c")
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if got := addresses(home); !slices.Equal(got, []string{"b", "c"}) || !a.Left() || w.told != 2 {
			t.Errorf("endpoints %v, a has left %v, told %d times; want b and c, true, 2", got, a.Left(), w.told)
		}
		if !use.Conn.retired || use.Conn.closed {
			t.Errorf("the connection in use to what left: retired %v, closed %v; want it to end with its last message", use.Conn.retired, use.Conn.closed)
		}
		use.Release()
		if !use.Conn.closed {
			t.Error("the connection to what left stays open after its last message")
		}
		if _, ok := a.Take(); ok {
			t.Error("what left can be used")
		}
		for _, err := range []error{errors.New("name server is down"), nil} {
			w.say()
			w.fail(err)
			time.Sleep(time.Hour)
			synctest.Wait()
			if got := addresses(home); !slices.Equal(got, []string{"b", "c"}) {
				t.Errorf("after an hour of %v: %v, want the last good answer", err, got)
			}
		}
	})
}

func addresses(p *Peers[*conn]) (list []string) {
	for _, e := range p.Current() {
		list = append(list, e.Address)
	}
	return list
}

func TestARefusalAndAChangedAnswerAskAgainSoonButNotOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changed := make(chan struct{})
		w := &world{ttl: time.Hour, changed: changed}
		w.say("a")
		home := w.home(t, Options{}, "test:///s")
		for range 100 { // in ten seconds
			try(t, home, "", false, all(Refused))
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		if n := len(w.asked); n < 8 || n > 11 {
			t.Errorf("asked %d times in 10 s of refusals, want about 10", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		n := len(w.asked)
		w.say("b")
		w.mu.Lock()
		w.changed = nil
		w.mu.Unlock()
		close(changed)
		synctest.Wait()
		if got := addresses(home); len(w.asked) != n+1 || !slices.Equal(got, []string{"b"}) {
			t.Errorf("asked %d times more, endpoints %v; want once, b", len(w.asked)-n, got)
		}
	})
}

func TestWhatCannotBeResolvedIsUnavailableWithTheReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{err: errors.New("no such name")}
		home := w.home(t, Options{}, "test:///s")
		tries := home.Tries("", false)
		_, err := tries.Next(t.Context())
		if !errors.Is(err, transport.CodeUnavailable) || !strings.Contains(err.Error(), "test:///s: no such name") {
			t.Errorf("got %v, want Unavailable, the target and the reason", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		time.AfterFunc(30*time.Second, func() {
			w.fail(nil)
			w.say("a")
		})
		if got, err := home.Wait(ctx); err != nil || len(got) != 1 {
			t.Errorf("a binding that waits: %v, %v; want a", got, err)
		}
	})
}

func TestTargetsOfTheTableAreCheckedWhenItIsRead(t *testing.T) {
	for entry, want := range map[string]string{"dns:///orders": "as dns:///orders.svc:8080", "srv:///x": "as srv:///"} {
		_, err := New(Config[int]{Services: []transport.Service{{Name: "s", Endpoints: []string{entry}}}, Resolvers: endpoints.Builtin(), Address: asIs})
		if !errors.Is(err, transport.CodeInvalidArgument) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "service s") {
			t.Errorf("%s: %v, want %q", entry, err, want)
		}
	}
}

func TestOptionsOfEndpointsNameTheFix(t *testing.T) {
	var o Options
	for name, value := range map[string]string{"balance": "random", "renew": "soon", "idle": "0", "resolve": "dns://"} {
		if known, err := o.Set(name, value); !known || err == nil || !strings.Contains(err.Error(), ": use ") {
			t.Errorf("%s=%s: %v, %v; want what to use", name, value, known, err)
		}
	}
	for name, value := range map[string]string{"balance": "least", "renew": "0", "idle": "30s", "resolve": "dns"} {
		if known, err := o.Set(name, value); !known || err != nil {
			t.Errorf("%s=%s: %v, %v", name, value, known, err)
		}
	}
	if want := (Options{Least: true, Renew: -1, Idle: 30 * time.Second, Resolve: "dns"}); o != want {
		t.Errorf("got %+v, want %+v", o, want)
	}
	if known, _ := o.Set("listen", ":1"); known {
		t.Error("listen is taken for an option of endpoints")
	}
}

func TestAClosedTableLeasesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		home := (&world{}).home(t, Options{}, "a", "b")
		tries := home.Tries("", true)
		l, err := tries.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := home.pool.close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !tries.Again(t.Context(), l, Refused) {
			t.Fatal("one refused of two ends the tries")
		}
		if _, err := tries.Next(t.Context()); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("after Close: %v, want ErrClosed", err)
		}
	})
}

func TestAnErrorBesideEndpointsLeavesTheLastAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{ttl: 20 * time.Second}
		w.say("a")
		home := w.home(t, Options{}, "test:///s")
		if _, err := home.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.say("b")
		w.fail(errors.New("the answer is half of one"))
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := addresses(home); !slices.Equal(got, []string{"a"}) {
			t.Errorf("endpoints %v, want the last good answer", got)
		}
	})
}
