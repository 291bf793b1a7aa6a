package unary

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip" // which the server is to answer by
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/polywire/polywire/internal/testcerts"
)

// raw is a codec of bytes.
type raw struct{}

func (raw) Name() string { return "raw" }

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

var _ encoding.CodecV2 = raw{}

// echo starts a server of grpc-go that sends back what it got, message and metadata, compressed where the method says so.
func echo(t *testing.T, opts ...grpc.ServerOption) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	opts = append(opts, grpc.ForceServerCodecV2(raw{}), grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		md, _ := metadata.FromIncomingContext(s.Context())
		method, _ := grpc.Method(s.Context())
		var body []byte
		if err := s.RecvMsg(&body); err != nil {
			return err
		}
		back := metadata.MD{"x-path": {method}}
		for _, k := range []string{"tenant", "sig-bin"} {
			back[k] = md[k]
		}
		if err := s.SetHeader(back); err != nil {
			return err
		}
		s.SetTrailer(metadata.Pairs("cost", "7"))
		switch method {
		case "/a.B/Zip":
			if err := grpc.SetSendCompressor(s.Context(), "gzip"); err != nil {
				return err
			}
		case "/a.B/Fail":
			return status.Error(codes.Aborted, "höher\n")
		}
		return s.SendMsg(&body)
	}), grpc.MaxRecvMsgSize(64<<20))
	s := grpc.NewServer(opts...)
	served := make(chan struct{})
	go func() { _ = s.Serve(l); close(served) }()
	t.Cleanup(func() { s.Stop(); <-served })
	return l.Addr().String()
}

func TestCallsOfAServerOfGRPC(t *testing.T) {
	c := dialConn(t, echo(t), testConfig())
	for _, method := range []string{"Echo", "Zip"} {
		for _, size := range []int{0, 1, 100, 16 << 10, 1<<20 - 5, 1 << 20} {
			body := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
			r, err := request(t, c, &Request{
				Path: "/a.B/" + method, ContentType: "application/grpc+raw", Message: body, Timeout: time.Minute,
				Fields: []string{"tenant", "a", "sig-bin", "\x00\xff", "tenant", "b", "sig-bin", ""},
			})
			if err != nil || r.Status != nil || !bytes.Equal(r.Message, body) {
				t.Fatalf("%s of %d bytes: got %d bytes, %v, %v", method, size, len(r.Message), r.Status, err)
			}
			if h := r.Header; !slices.Equal(h["tenant"], []string{"a", "b"}) || !slices.Equal(h["sig-bin"], []string{"\x00\xff", ""}) || !slices.Equal(r.Trailer["cost"], []string{"7"}) {
				t.Errorf("%s of %d bytes: header %q, trailer %q", method, size, h, r.Trailer)
			}
		}
		r, err := request(t, c, &Request{Path: "/a.B/" + method, ContentType: "application/grpc", Message: make([]byte, 1<<20+1)})
		if err != nil || r.Status.Code() != codes.ResourceExhausted {
			t.Errorf("%s above the limit: %v, %v", method, r.Status, err)
		}
	}
	r, err := request(t, c, &Request{Path: "/a.B/Fail", ContentType: "application/grpc"})
	if err != nil || r.Status.Code() != codes.Aborted || r.Status.Message() != "höher\n" {
		t.Errorf("got %v, %v", r.Status, err)
	}
	if r, err = request(t, c, &Request{Path: "/a.B/C", ContentType: "application/grpc", Fields: []string{"x", "a\nb"}}); err != nil || r.Status.Code() != codes.Internal {
		t.Errorf("a field that no header takes: got %v, %v", r.Status, err)
	}
}

func TestManyCallsAtOnceGetTheirOwnReplies(t *testing.T) {
	c := dialConn(t, echo(t, grpc.MaxConcurrentStreams(20)), testConfig())
	var callers sync.WaitGroup
	for i := range 100 {
		callers.Go(func() {
			for j := range 20 {
				body := bytes.Repeat([]byte(fmt.Sprint(i, ".", j, " ")), 1+j*j*j)
				r, err := request(t, c, &Request{Path: "/a.B/E" + strconv.Itoa(j), ContentType: "application/grpc", Message: body, Fields: []string{"tenant", strconv.Itoa(i)}})
				if err != nil || !bytes.Equal(r.Message, body) || r.Header["tenant"][0] != strconv.Itoa(i) || r.Header["x-path"][0] != "/a.B/E"+strconv.Itoa(j) {
					t.Errorf("call %d of %d: %d bytes of %d, header %v, %v, %v", j, i, len(r.Message), len(body), r.Header, r.Status, err)
				}
			}
		})
	}
	callers.Wait()
}

func TestTLSSpeaksHTTP2OnlyAndKnowsTheServer(t *testing.T) {
	dir := t.TempDir()
	ca, err := testcerts.New(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := ca.Write(testcerts.Leaf{Addresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, cert, key); err != nil {
		t.Fatal(err)
	}
	creds, err := credentials.NewServerTLSFromFile(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	address := echo(t, grpc.Creds(creds))
	for name, tc := range map[string]struct {
		config *tls.Config
		ok     bool
	}{
		"known":           {&tls.Config{RootCAs: roots, ServerName: "127.0.0.1", NextProtos: []string{"h2"}}, true},
		"unknown":         {&tls.Config{ServerName: "127.0.0.1", NextProtos: []string{"h2"}}, false},
		"another name":    {&tls.Config{RootCAs: roots, ServerName: "other.test", NextProtos: []string{"h2"}}, false},
		"no word of ALPN": {&tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			socket, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			cfg := testConfig()
			cfg.Scheme = "https"
			c, err := New(t.Context(), socket, tc.config, cfg)
			if (err == nil) != tc.ok {
				t.Fatalf("got %v, success is to be %v", err, tc.ok)
			}
			if err != nil {
				return
			}
			defer c.Close()
			body := make([]byte, 1<<20)
			if r, err := request(t, c, &Request{Path: "/a.B/C", ContentType: "application/grpc", Message: body}); err != nil || !bytes.Equal(r.Message, body) {
				t.Errorf("got %d bytes, %v, %v", len(r.Message), r.Status, err)
			}
		})
	}
}

// A tally is what a server got of calls.
type tally struct {
	mu     sync.Mutex // guards the fields below
	frames []int      // lengths of frames of data
	open   int
	most   int
}

func TestTheServersSettingsAreKept(t *testing.T) {
	var got tally
	c := connect(t, testConfig(), func(s *scripted, f http2.Frame) {
		got.mu.Lock()
		defer got.mu.Unlock()
		switch f := f.(type) {
		case *http2.HeadersFrame:
			got.open++
			got.most = max(got.most, got.open)
		case *http2.DataFrame:
			got.frames = append(got.frames, int(f.Length))
			if f.StreamEnded() {
				got.open--
				s.answer(f.StreamID, "pong")
				return
			}
			_ = s.WriteWindowUpdate(f.StreamID, f.Length)
			_ = s.WriteWindowUpdate(0, f.Length)
		}
	}, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1000}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
	var callers sync.WaitGroup
	for range 5 {
		callers.Go(func() {
			for range 3 {
				if r, err := request(t, c, &Request{Message: make([]byte, 5000)}); err != nil || string(r.Message) != "pong" {
					t.Errorf("got %q, %v", r.Message, err)
				}
			}
		})
	}
	callers.Wait()
	if got.most != 1 || slices.Max(got.frames) > 1000 {
		t.Errorf("%d calls at once, %d bytes in a frame; want 1, and 1000 at most", got.most, slices.Max(got.frames))
	}
}

func TestAWindowThatShrinksUnderACallIsKept(t *testing.T) {
	sent := 0
	c := connect(t, testConfig(), func(s *scripted, f http2.Frame) {
		switch f := f.(type) {
		case *http2.HeadersFrame: // below zero, whatever has been sent yet
			_ = s.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
		case *http2.SettingsFrame:
			if f.IsAck() && sent > 0 {
				_ = s.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
				_ = s.WriteWindowUpdate(0, 1<<20)
			}
		case *http2.DataFrame:
			if sent += int(f.Length); f.StreamEnded() {
				s.answer(f.StreamID, strconv.Itoa(sent))
			}
		}
	})
	if r, err := request(t, c, &Request{Message: make([]byte, 200_000)}); err != nil || string(r.Message) != "200005" {
		t.Errorf("got %q, %v", r.Message, err)
	}
}

func TestAHeaderLargerThanTheServerTakesIsNotSent(t *testing.T) {
	c := connect(t, testConfig(), onCall(func(s *scripted, id uint32) { s.answer(id, "pong") }), http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: 2000})
	r, err := request(t, c, &Request{Fields: []string{"x", strings.Repeat("y", 2000)}})
	if err != nil || r.Status.Code() != codes.Internal {
		t.Errorf("got %v, %v, want Internal", r.Status, err)
	}
	if r, err = request(t, c, &Request{}); err != nil || string(r.Message) != "pong" {
		t.Errorf("the next call: %q, %v", r.Message, err)
	}
}

func TestAHeaderLongerThanAFrameGoesOnInOthers(t *testing.T) {
	address := echo(t)
	c := dialConn(t, address, Config{Scheme: "http", Authority: address, Window: 1 << 20, Headers: 128 << 10, Streams: 10, Alive: time.Minute, Answer: time.Minute})
	long := strings.Repeat("y", 60_000)
	for range 3 { // the third time it would be in a table
		r, err := request(t, c, &Request{Fields: []string{"tenant", long}})
		if err != nil || r.Status != nil || r.Header["tenant"][0] != long {
			t.Errorf("got %v, %v", r.Status, err)
		}
	}
}

func TestAnAnswerBeforeTheWholeMessageEndsTheCall(t *testing.T) {
	reset := make(chan http2.ErrCode, 1)
	c := connect(t, testConfig(), func(s *scripted, f http2.Frame) {
		switch f := f.(type) {
		case *http2.HeadersFrame:
			s.trailer(f.StreamID, ":status", "200", "content-type", "application/grpc", "grpc-status", "7")
		case *http2.RSTStreamFrame:
			reset <- f.ErrCode
		}
	})
	if r, err := request(t, c, &Request{Message: make([]byte, 1<<20)}); err != nil || r.Status.Code() != codes.PermissionDenied {
		t.Errorf("got %v, %v", r.Status, err)
	}
	if got := <-reset; got != http2.ErrCodeNo {
		t.Errorf("the server is told %v", got)
	}
}

func TestACallEndsWithItsTimeAndItsCaller(t *testing.T) {
	reset := make(chan http2.ErrCode, 4)
	began := make(chan struct{}, 4)
	c := connect(t, testConfig(), func(_ *scripted, f http2.Frame) {
		switch f := f.(type) {
		case *http2.HeadersFrame:
			began <- struct{}{}
		case *http2.RSTStreamFrame:
			reset <- f.ErrCode
		}
	}, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 2})
	for _, size := range []int{1, 1 << 20} { // all sent, and waiting for the window
		if _, err := request(t, c, &Request{Message: make([]byte, size), Due: time.Now().Add(20 * time.Millisecond)}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d bytes: got %v, want DeadlineExceeded", size, err)
		}
		<-began
		if got := <-reset; got != http2.ErrCodeCancel {
			t.Errorf("the server is told %v", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-began; cancel() }()
		q := &Request{Path: "/a/b", ContentType: "application/grpc", Message: make([]byte, size)}
		if err := c.Call(ctx, q, &Reply{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%d bytes: got %v, want Canceled", size, err)
		}
		<-reset
	}
	ctx, cancel := context.WithCancel(t.Context())
	var held sync.WaitGroup
	for range 2 {
		held.Go(func() { _ = c.Call(ctx, &Request{Path: "/a/b", ContentType: "application/grpc"}, &Reply{}) })
		<-began
	}
	if _, err := request(t, c, &Request{Due: time.Now().Add(20 * time.Millisecond)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call that waits for another: got %v, want DeadlineExceeded", err)
	}
	cancel()
	held.Wait()
	if err := c.Call(ctx, &Request{Path: "/a/b", ContentType: "application/grpc"}, &Reply{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a call of a ctx that has ended: got %v", err)
	}
}

// A server whose machine takes no more bytes holds up nobody beyond their time, and is given up.
func TestAPeerThatTakesNothingHoldsUpNobody(t *testing.T) {
	stop := make(chan struct{})
	cfg := testConfig()
	cfg.Answer = 500 * time.Millisecond
	c := connect(t, cfg, func(s *scripted, f http2.Frame) {
		if _, ok := f.(*http2.HeadersFrame); ok {
			<-stop
		}
	}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: maxWindow})
	t.Cleanup(func() { close(stop) })
	c.mu.Lock()
	c.window = maxWindow
	c.mu.Unlock()
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			began := time.Now()
			_, err := request(t, c, &Request{Message: make([]byte, 4<<20), Due: began.Add(50 * time.Millisecond)})
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want DeadlineExceeded", err)
			}
		})
	}
	callers.Wait()
	<-c.Gone()
	if err := c.Err(); err == nil {
		t.Error("the connection is not lost")
	}
}

func TestASilentConnectionIsAskedForASignOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		var pings atomic.Int32
		go func() {
			_, _ = io.CopyN(io.Discard, server, int64(len(http2.ClientPreface)))
			f := http2.NewFramer(server, server)
			_, _ = f.ReadFrame() // a pipe holds nothing: who writes waits for who reads
			_, _ = f.ReadFrame()
			_ = f.WriteSettings()
			for {
				frame, err := f.ReadFrame()
				if err != nil {
					return
				}
				if p, ok := frame.(*http2.PingFrame); ok {
					if pings.Add(1) < 3 {
						_ = f.WritePing(true, p.Data)
					}
				}
			}
		}()
		cfg := testConfig()
		c, err := New(t.Context(), client, nil, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		time.Sleep(10 * cfg.Alive) // without a call nobody asks
		began := time.Now()
		err = c.Call(t.Context(), &Request{Path: "/a/b", ContentType: "application/grpc"}, &Reply{})
		if took := time.Since(began); !errors.Is(err, errSilent) || pings.Load() != 3 || took < 3*cfg.Alive || took > 4*cfg.Alive {
			t.Errorf("got %v after %v and %d pings", err, took, pings.Load())
		}
	})
}

func TestCloseAndCutEndWhatIsUnderWay(t *testing.T) {
	for name, end := range map[string]func(*Conn){"close": (*Conn).Close, "cut": (*Conn).Cut} {
		t.Run(name, func(t *testing.T) {
			began := make(chan struct{}, 1)
			c := connect(t, testConfig(), func(_ *scripted, f http2.Frame) {
				if _, ok := f.(*http2.HeadersFrame); ok {
					began <- struct{}{}
				}
			})
			failed := make(chan error, 1)
			go func() { _, err := request(t, c, &Request{}); failed <- err }()
			<-began
			end(c)
			if err := <-failed; !errors.Is(err, errClosed) {
				t.Errorf("got %v, want %v", err, errClosed)
			}
			if _, err := request(t, c, &Request{}); !errors.Is(err, ErrUnsent) {
				t.Errorf("the next call: got %v, want ErrUnsent", err)
			}
		})
	}
}

func TestTimesAreWrittenAsGRPCHasThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1: "1u", time.Microsecond: "1u", time.Second: "1000000u", 100 * time.Second: "100000m", 100*time.Second - 1: "100000m",
		24 * time.Hour: "86400000m", 30 * 24 * time.Hour: "2592000S", 1<<63 - 1: "2562047H",
	} {
		if got := timeout(d); got != want && !(strings.HasSuffix(want, "H") && strings.HasSuffix(got, "M")) || len(got) > 9 {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

// FuzzEncoder writes blocks of fields out of a few names and values, and reads them as a server does.
func FuzzEncoder(f *testing.F) {
	f.Add([]byte{1, 2, 3, 1, 2, 3, 0xf0, 0, 1, 2, 3, 0xf1, 9, 1, 2, 3, 200, 201, 200})
	f.Add([]byte{1, 2, 1, 2, 0xf9, 48, 0xf9, 255, 1, 2, 1, 2, 0xf9, 255, 1, 2}) // smaller and larger between two blocks
	f.Fuzz(func(t *testing.T, script []byte) {
		e := newEncoder()
		var got, want []hpack.HeaderField
		d := hpack.NewDecoder(tableSize, func(f hpack.HeaderField) { got = append(got, f) })
		var b []byte
		names := []string{":path", "te", "authorization", "x", "y", "a-long-name-of-a-field"}
		for i := 0; i < len(script); i++ {
			op := script[i]
			if op < 0xf0 || i+1 == len(script) {
				if len(b) == 0 {
					b = e.begin(nil)
				}
				h := hpack.HeaderField{Name: names[int(op)%len(names)], Value: strings.Repeat(string(rune('a'+op%7)), int(op)*5)}
				b = e.put(b, h.Name, h.Value)
				want = append(want, h)
				continue
			}
			if len(b) > 0 {
				if _, err := d.Write(b); err != nil || d.Close() != nil {
					t.Fatalf("%x: %v", b, err)
				}
			}
			i++
			b = nil
			if op > 0xf8 {
				size := uint32(script[i]) * 20
				e.resize(size)
				d.SetAllowedMaxDynamicTableSize(tableSize)
			}
		}
		if len(b) > 0 {
			if _, err := d.Write(b); err != nil || d.Close() != nil {
				t.Fatalf("%x: %v", b, err)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}
