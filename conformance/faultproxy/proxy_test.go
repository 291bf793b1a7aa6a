package faultproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// An upstream records what each connection says, and answers what answer makes of it.
type upstream struct {
	net.Listener
	heard chan []byte // what one connection said until it ended; buffered
	work  sync.WaitGroup
}

// serve starts an upstream; with echo it says everything back, else answer once.
func serve(t *testing.T, echo bool, answer string) *upstream {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &upstream{Listener: l, heard: make(chan []byte, 100)}
	u.work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			u.work.Go(func() { u.talk(c, echo, answer) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); u.work.Wait() })
	return u
}

func (u *upstream) talk(c net.Conn, echo bool, answer string) {
	defer c.Close()
	_, _ = io.WriteString(c, answer)
	var all bytes.Buffer
	out := io.Writer(&all)
	if echo {
		out = io.MultiWriter(&all, c)
	}
	_, _ = io.Copy(out, c)
	u.heard <- all.Bytes()
}

func start(t *testing.T, u *upstream, script func(int) Script) *Proxy {
	t.Helper()
	p, err := Listen(t.Context(), Options{Upstream: u.Addr().String(), Script: script, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return p
}

func dial(t *testing.T, p *Proxy) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

func say(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

// hears reads n bytes.
func hears(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v, want %q", got, err, want)
	}
}

const text = "twenty-six bytes of traffic"

func TestBytesAndHalfClosesPassUnchanged(t *testing.T) {
	u := serve(t, true, "")
	p := start(t, u, nil)
	c := dial(t, p)
	sent := bytes.Repeat([]byte(text), 10_000)
	go func() { _, _ = c.Write(sent); _ = c.CloseWrite() }() // ends with the reading below
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("%d of %d bytes came back: %v", len(got), len(sent), err)
	}
	if tr := p.Traffic(); tr.Up != int64(len(sent)) || tr.Down != int64(len(sent)) || tr.Accepted != 1 {
		t.Errorf("counted %+v, want %d bytes each way of one connection", tr, len(sent))
	}
}

func TestACutUpstreamLetsExactlySoManyBytesPass(t *testing.T) {
	for n := range len(text) + 1 {
		u := serve(t, false, "")
		p := start(t, u, Always(Script{Up: Flow{Faults: []Fault{{At: int64(n), Do: Close}}}}))
		c := dial(t, p)
		_, _ = io.WriteString(c, text)
		if got := <-u.heard; string(got) != text[:n] {
			t.Errorf("upstream heard %q, want %q", got, text[:n])
		}
		if _, err := io.ReadAll(c); err != nil {
			t.Errorf("cut at %d: the client saw %v, want the end", n, err)
		}
	}
}

func TestACutDownstreamLetsExactlySoManyBytesPass(t *testing.T) {
	for n := range len(text) + 1 {
		p := start(t, serve(t, false, text), Always(Script{Down: Flow{Faults: []Fault{{At: int64(n), Do: Close}}}}))
		got, err := io.ReadAll(dial(t, p))
		if err != nil || string(got) != text[:n] {
			t.Errorf("the client heard %q, %v, want %q and the end", got, err, text[:n])
		}
	}
}

func TestAResetIsSeenByBothSides(t *testing.T) {
	u := serve(t, false, "")
	p := start(t, u, Always(Script{Up: Flow{Faults: []Fault{{At: 3, Do: Reset}}}}))
	c := dial(t, p)
	say(t, c, text)
	if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client saw %v, want a reset", err)
	}
	if got := <-u.heard; len(got) > 3 {
		t.Errorf("upstream heard %q, want 3 bytes at most", got)
	}
}

func TestATrapSpringsForWhicheverConnectionCarriesItsByte(t *testing.T) {
	u := serve(t, true, "")
	p := start(t, u, nil)
	first, second := dial(t, p), dial(t, p)
	p.Trap(Up, Fault{At: 6, Do: Close})
	say(t, first, "abcd")
	hears(t, first, "abcd")
	say(t, second, "efgh")
	if got := <-u.heard; string(got) != "ef" {
		t.Errorf("the second connection passed %q, want %q", got, "ef")
	}
	say(t, first, "ijkl")
	hears(t, first, "ijkl")
	if n := p.Traffic().Faults; n != 1 {
		t.Errorf("%d faults happened, want 1", n)
	}
	p.Trap(Up, Fault{Do: Close})
	p.Disarm()
	say(t, first, "mnop")
	hears(t, first, "mnop")
}

func TestOneByteIsCorrupted(t *testing.T) {
	for name, script := range map[string]Script{
		"by script": {Up: Flow{Faults: []Fault{{At: 2, Do: Corrupt, Mask: 0x20}}}},
		"by trap":   {},
	} {
		p := start(t, serve(t, true, ""), Always(script))
		if name == "by trap" {
			p.Trap(Up, Fault{At: 2, Do: Corrupt, Mask: 0x20})
		}
		c := dial(t, p)
		say(t, c, "ab")
		hears(t, c, "ab")
		say(t, c, "cd")
		hears(t, c, "Cd")
	}
}

func TestSwallowedBytesDoNotArriveAndNoEndDoes(t *testing.T) {
	p := start(t, serve(t, true, ""), Always(Script{Up: Flow{Faults: []Fault{{At: 2, Do: Swallow}}}}))
	c := dial(t, p)
	say(t, c, "abcdef")
	hears(t, c, "ab")
	silent(t, c)
	_ = c.CloseWrite()
	silent(t, c)
}

// silent checks that nothing comes for a while, the end neither.
func silent(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	if n, err := c.Read(make([]byte, 1)); n != 0 || !isTimeout(err) {
		t.Fatalf("read %d bytes, %v, want silence", n, err)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
}

// ends checks that a new connection ends, perhaps before it was made.
func ends(t *testing.T, p *Proxy) {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("a new connection: %v, want its end", err)
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

func TestSlicesArriveOneByOne(t *testing.T) {
	p := start(t, serve(t, true, ""), Always(Script{Down: Flow{Slice: 1, Delay: 2 * time.Millisecond, Jitter: time.Millisecond}}))
	c := dial(t, p)
	say(t, c, text)
	buf := make([]byte, 100)
	n, err := c.Read(buf)
	if err != nil || n >= len(text)/2 {
		t.Errorf("the first read had %d bytes, %v, want a few", n, err)
	}
	hears(t, c, text[n:])
}

func TestARateIsKept(t *testing.T) {
	p := start(t, serve(t, true, ""), Always(Script{Up: Flow{Rate: 10_000}}))
	c := dial(t, p)
	begin := time.Now()
	say(t, c, string(make([]byte, 1000)))
	hears(t, c, string(make([]byte, 1000)))
	if d := time.Since(begin); d < 80*time.Millisecond {
		t.Errorf("1,000 bytes at 10,000 a second took %v, want a tenth of a second", d)
	}
}

func TestAnAnswerIsReplacedAndMayNeverEnd(t *testing.T) {
	p := start(t, serve(t, false, text), Always(Script{Down: Flow{Faults: []Fault{{At: 3, Do: Replace, Data: []byte("other")}}}}))
	got, err := io.ReadAll(dial(t, p))
	if err != nil || string(got) != text[:3]+"other" {
		t.Errorf("the client heard %q, %v, want %q and the end", got, err, text[:3]+"other")
	}
	p.SetScript(Always(Script{}))
	p.Trap(Down, Fault{Do: Replace, Data: []byte("start"), Repeat: []byte("more")})
	c := dial(t, p)
	hears(t, c, "start")
	for range 10_000 {
		hears(t, c, "more")
	}
}

func TestABlackHoleSwallowsAndDialsNobody(t *testing.T) {
	u := serve(t, true, "hello")
	p := start(t, u, func(n int) Script { return Script{BlackHole: n == 1} })
	c := dial(t, p)
	say(t, c, text)
	silent(t, c)
	hears(t, dial(t, p), "hello")
}

func TestPauseHoldsEverythingUpAndResumeLetsItGo(t *testing.T) {
	u := serve(t, true, "")
	p := start(t, u, nil)
	c := dial(t, p)
	say(t, c, "a")
	hears(t, c, "a")
	p.Pause()
	p.Pause()
	say(t, c, "b")
	late := dial(t, p)
	say(t, late, "c")
	_ = late.CloseWrite()
	silent(t, c)
	silent(t, late)
	p.Resume()
	p.Resume()
	hears(t, c, "b")
	hears(t, late, "c")
}

func TestADuplicateHearsTheSame(t *testing.T) {
	u := serve(t, true, "")
	p := start(t, u, Always(Script{Duplicate: true}))
	c := dial(t, p)
	say(t, c, text)
	hears(t, c, text)
	_ = c.CloseWrite()
	for range 2 {
		if got := <-u.heard; string(got) != text {
			t.Errorf("a connection heard %q, want %q", got, text)
		}
	}
}

func TestCutEndsAllAndRefuseTakesNoMore(t *testing.T) {
	p := start(t, serve(t, true, ""), nil)
	a, b := dial(t, p), dial(t, p)
	for _, c := range []net.Conn{a, b} {
		say(t, c, "x")
		hears(t, c, "x")
	}
	p.Refuse(true)
	p.Cut(Close)
	for _, c := range []net.Conn{a, b} {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("a connection that was cut: %v, want its end", err)
		}
	}
	if n := p.Traffic().Open; n != 0 {
		t.Errorf("%d connections are open after Cut", n)
	}
	ends(t, p)
	p.Refuse(false)
	c := dial(t, p)
	say(t, c, "y")
	hears(t, c, "y")
	if tr := p.Traffic(); tr.Refused != 1 || tr.Accepted != 3 {
		t.Errorf("counted %+v, want 1 refused and 3 accepted", tr)
	}
}

func TestAClientWhoseServerIsGoneSeesTheEnd(t *testing.T) {
	u := serve(t, false, "")
	p := start(t, u, nil)
	_ = u.Close()
	ends(t, p)
}

func TestCloseEndsWhateverIsHeldUp(t *testing.T) {
	u := serve(t, false, "")
	p := start(t, u, func(n int) Script {
		return [...]Script{
			{BlackHole: true}, {Up: Flow{Delay: time.Hour}}, {Up: Flow{Rate: 1}}, {}, {Up: Flow{Faults: []Fault{{Do: Replace, Repeat: []byte("x")}}}},
		}[n%5]
	})
	var all []*net.TCPConn
	for range 10 {
		c := dial(t, p)
		say(t, c, text)
		all = append(all, c)
	}
	p.Pause()
	begin := time.Now()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("Close took %v", d)
	}
	for i, c := range all {
		if _, err := c.Read(make([]byte, 1)); err == nil || isTimeout(err) {
			t.Errorf("connection %d: %v, want its end", i, err)
		}
	}
}

func TestChanceRepeatsWithItsSeed(t *testing.T) {
	waits := func() (all []int64) {
		p := &pump{c: &conn{p: &Proxy{opts: Options{Seed: 7}}, n: 3}, d: Down}
		random := p.chance()
		for range 5 {
			all = append(all, random.Int64N(1000))
		}
		return all
	}
	if a, b := fmt.Sprint(waits()), fmt.Sprint(waits()); a != b {
		t.Errorf("the same seed gave %s and %s", a, b)
	}
}

func TestAnUpstreamWithoutAPortIsRefused(t *testing.T) {
	if p, err := Listen(context.Background(), Options{Upstream: "localhost"}); err == nil {
		_ = p.Close()
		t.Error("localhost without a port is taken")
	}
}
