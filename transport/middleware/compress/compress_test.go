package compress_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/polywire/polywire/adapters/httpwire"
	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/middleware/compress"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// text is an honest body of n bytes, which becomes about a third.
func text(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("order trip driver rider account queue topic reply price city street number at from to with and 17 42 1999")
	var b bytes.Buffer
	for b.Len() < n {
		b.WriteString(words[r.IntN(len(words))])
		b.WriteByte(' ')
	}
	return b.Bytes()[:n]
}

// noise cannot be compressed.
func noise(n int) []byte {
	r := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func zstdOf(t testing.TB, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(b, nil)
}

func gzipOf(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func middleware(t testing.TB, opts ...compress.Option) *compress.Middleware {
	t.Helper()
	m, err := compress.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A side says how one end of a connection is set up; nil is without the middleware.
type side = *compress.Middleware

// A watcher sees what goes over the wire, as outermost inbound and innermost outbound middleware.
type watcher struct {
	sent, got transport.Message
	replied   transport.Message
}

func (w *watcher) options(m side) []transport.Option {
	out := transport.WithOutbound(func(next transport.Outbound) transport.Outbound {
		return func(ctx context.Context, op string, msg *transport.Message) (*transport.Message, error) {
			w.sent = *msg.Clone()
			reply, err := next(ctx, op, msg)
			if reply != nil {
				w.replied = *reply.Clone()
			}
			return reply, err
		}
	})
	in := transport.WithInbound(func(next transport.Handler) transport.Handler {
		return func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
			w.got = *msg.Clone()
			return next(ctx, msg)
		}
	})
	if m == nil {
		return []transport.Option{in, out}
	}
	return []transport.Option{in, transport.WithInbound(m.Inbound), transport.WithOutbound(m.Outbound), out}
}

// A wire opens the two ends of a connection.
type wire struct {
	name string
	pair func(t testing.TB, server, client []transport.Option) (s, c *transport.Conn)
}

func wires() []wire {
	open := func(t testing.TB, r *transport.Registry, url string, opts []transport.Option) *transport.Conn {
		t.Helper()
		c, err := r.Open(context.Background(), url, opts...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
		return c
	}
	return []wire{
		{"inproc", func(t testing.TB, server, client []transport.Option) (s, c *transport.Conn) {
			r := transport.NewRegistry(inproc.Factory())
			return open(t, r, "inproc://x", server), open(t, r, "inproc://x", client)
		}},
		{"inline", func(t testing.TB, server, client []transport.Option) (s, c *transport.Conn) {
			r := transport.NewRegistry(inproc.Factory())
			return open(t, r, "inproc://x?inline", server), open(t, r, "inproc://x?inline", client)
		}},
		{"http", func(t testing.TB, server, client []transport.Option) (s, c *transport.Conn) {
			r := transport.NewRegistry(httpwire.Factory())
			s = open(t, r, "http://?listen=127.0.0.1:0&attach=true", server)
			return s, open(t, r, "http://"+s.Addr(), client)
		}},
	}
}

func eachWire(t *testing.T, run func(t *testing.T, w wire)) {
	t.Helper()
	for _, w := range wires() {
		t.Run(w.name, func(t *testing.T) { run(t, w) })
	}
}

func echo(_ context.Context, msg *transport.Message) (*transport.Message, error) {
	return &transport.Message{Body: msg.Body, ContentType: msg.ContentType, Header: msg.Header}, nil
}

func handle(t *testing.T, c *transport.Conn, destination string, h transport.Handler) {
	t.Helper()
	if _, err := c.Handle(t.Context(), destination, h); err != nil {
		t.Fatal(err)
	}
}

func encodingOf(m *transport.Message) string { return m.Header.Get("content-encoding") }

func TestARequestIsAnsweredCompressedWhenItsSenderReadsThat(t *testing.T) {
	body := text(20_000)
	with := func(opts ...compress.Option) func() side { return func() side { return middleware(t, opts...) } }
	none, zstd, gzip, agreed := func() side { return nil }, with(), with(compress.WithAlgorithm("gzip")), with(compress.WithAgreement())
	for name, tc := range map[string]struct {
		server, client    func() side
		first, then, back string // encodings of the first request, of the next ones, and of replies
	}{
		"both":               {zstd, zstd, "", "zstd", "zstd"},
		"the server prefers": {gzip, zstd, "", "zstd", "gzip"},
		"the client prefers": {zstd, gzip, "", "gzip", "zstd"},
		"agreed":             {zstd, agreed, "zstd", "zstd", "zstd"},
		"server alone":       {zstd, none, "", "", ""},
		"client alone":       {none, zstd, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			eachWire(t, func(t *testing.T, w wire) {
				var atServer, atClient watcher
				s, c := w.pair(t, atServer.options(tc.server()), atClient.options(tc.client()))
				handle(t, s, "echo", echo)
				for i, want := range []string{tc.first, tc.then, tc.then} {
					reply, err := c.Request(t.Context(), &transport.Message{Destination: "echo", ContentType: "text/plain", Body: body})
					if err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(reply.Body, body) || encodingOf(reply) != "" || reply.ContentType != "text/plain" {
						t.Errorf("request %d came back as %v", i, reply)
					}
					if got := encodingOf(&atServer.got); got != want {
						t.Errorf("request %d arrived in %q, want %q", i, got, want)
					}
					if got := encodingOf(&atClient.replied); got != tc.back {
						t.Errorf("reply %d arrived in %q, want %q", i, got, tc.back)
					}
					if want != "" && len(atServer.got.Body) > len(body)/2 || tc.back != "" && len(atClient.replied.Body) > len(body)/2 {
						t.Errorf("%d bytes went there and %d came back, of %d", len(atServer.got.Body), len(atClient.replied.Body), len(body))
					}
				}
			})
		})
	}
}

func TestBodiesBelowTheThresholdAndNoiseStayAsTheyAre(t *testing.T) {
	for name, body := range map[string][]byte{
		"below": text(1023), "empty": nil, "noise": noise(5000),
	} {
		t.Run(name, func(t *testing.T) {
			eachWire(t, func(t *testing.T, w wire) {
				var atServer, atClient watcher
				s, c := w.pair(t, atServer.options(middleware(t)), atClient.options(middleware(t, compress.WithAgreement())))
				handle(t, s, "echo", echo)
				reply, err := c.Request(t.Context(), &transport.Message{Destination: "echo", Body: body})
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(reply.Body, body) || !bytes.Equal(atServer.got.Body, body) || !bytes.Equal(atClient.replied.Body, body) {
					t.Errorf("%d bytes arrived as %d and came back as %d, on the wire %d", len(body), len(atServer.got.Body), len(reply.Body), len(atClient.replied.Body))
				}
				if encodingOf(&atServer.got) != "" || encodingOf(&atClient.replied) != "" {
					t.Errorf("arrived in %q, came back in %q", encodingOf(&atServer.got), encodingOf(&atClient.replied))
				}
			})
		})
	}
}

func TestAllStylesCarryBodiesAsTheyWere(t *testing.T) {
	body := text(100_000)
	for _, algorithm := range []string{"zstd", "gzip"} {
		t.Run(algorithm, func(t *testing.T) {
			eachWire(t, func(t *testing.T, w wire) {
				var atServer, atClient watcher
				s, c := w.pair(t, atServer.options(middleware(t)), atClient.options(middleware(t, compress.WithAgreement(), compress.WithAlgorithm(algorithm))))
				got := make(chan string, 1) // from the handlers below to this goroutine
				take := func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
					text := "as it was"
					if !bytes.Equal(msg.Body, body) || encodingOf(msg) != "" || msg.Header.Get("tenant") != "acme" {
						text = msg.String()
					}
					got <- text
					return nil, nil
				}
				arrived := func(style string) {
					t.Helper()
					if what := <-got; what != "as it was" {
						t.Errorf("%s arrived as %s", style, what)
					}
					if encodingOf(&atServer.got) != algorithm {
						t.Errorf("%s went over the wire in %q", style, encodingOf(&atServer.got))
					}
				}
				msg := func(destination string) *transport.Message {
					m := &transport.Message{Destination: destination, Body: body}
					m.Header.Set("tenant", "acme")
					return m
				}
				handle(t, s, "queue", take)
				if err := c.Send(t.Context(), msg("queue")); err != nil {
					t.Fatal(err)
				}
				arrived("a notification")
				sub, err := s.Subscribe(t.Context(), "topic", take)
				if err != nil {
					t.Fatal(err)
				}
				defer sub.Close(context.Background())
				if err := c.Publish(t.Context(), msg("topic")); err != nil {
					t.Fatal(err)
				}
				arrived("a publication")
				handle(t, s, "echo", echo)
				future, err := c.RequestAsync(t.Context(), msg("echo"))
				if err != nil {
					t.Fatal(err)
				}
				reply, err := future.Await(t.Context())
				if err != nil || !bytes.Equal(reply.Body, body) || encodingOf(reply) != "" || reply.Header.Get("tenant") != "acme" {
					t.Errorf("an asynchronous request came back as %v, %v", reply, err)
				}
				if encodingOf(&atClient.replied) == "" {
					t.Error("its reply was plain")
				}
			})
		})
	}
}

func TestAnswersToAGatherAreInflated(t *testing.T) {
	eachWire(t, func(t *testing.T, w wire) {
		var atClient watcher
		s, c := w.pair(t, middleware(t).Options(), atClient.options(middleware(t)))
		for i := range 3 {
			sub, err := s.Subscribe(t.Context(), "who", func(context.Context, *transport.Message) (*transport.Message, error) {
				return &transport.Message{Body: append(text(30_000), byte('0'+i))}, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			defer sub.Close(context.Background())
		}
		g, err := c.Gather(t.Context(), &transport.Message{Destination: "who"}, transport.WithMax(3))
		if err != nil {
			t.Fatal(err)
		}
		var from []byte
		for r := range g.All() {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			if encodingOf(r.Message) != "" || r.Message.Header.Len() != 0 || len(r.Message.Body) != 30_001 || !bytes.HasPrefix(r.Message.Body, text(30_000)) {
				t.Errorf("an answer came as %v", r.Message)
			}
			from = append(from, r.Message.Body[len(r.Message.Body)-1])
		}
		if slices.Sort(from); string(from) != "012" {
			t.Errorf("got the answers %q, want those of 0, 1 and 2", from)
		}
		if atClient.sent.Header.Get("accept-encoding") == "" {
			t.Error("the gather does not say what its sender reads")
		}
	})
}

func TestADeferredReplyIsCompressed(t *testing.T) {
	body := text(50_000)
	eachWire(t, func(t *testing.T, w wire) {
		var atClient watcher
		s, c := w.pair(t, middleware(t).Options(), atClient.options(middleware(t)))
		handle(t, s, "later", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
			d, err := msg.Defer()
			if err != nil {
				return nil, err
			}
			reply := &transport.Message{Body: slices.Clone(msg.Body)}
			go func() { // ends with Reply
				if err := d.Reply(reply, nil); err != nil {
					t.Error(err)
				}
			}()
			return nil, nil
		})
		for range 2 {
			reply, err := c.Request(t.Context(), &transport.Message{Destination: "later", Body: body})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(reply.Body, body) || encodingOf(&atClient.replied) != "zstd" {
				t.Errorf("%d bytes came in %q, want %d in zstd", len(reply.Body), encodingOf(&atClient.replied), len(body))
			}
		}
	})
}

func TestWhatIsNoKnownCompressionIsRefused(t *testing.T) {
	plain := text(5000)
	for name, tc := range map[string]struct {
		encodings []string
		body      []byte
		code      transport.Code
		text      string
	}{
		"unknown":        {[]string{"br"}, plain, transport.CodeInvalidArgument, "known: zstd, gzip"},
		"nested":         {[]string{"gzip, zstd"}, zstdOf(t, gzipOf(t, plain)), transport.CodeInvalidArgument, "known: zstd, gzip, one alone"},
		"twice":          {[]string{"gzip", "zstd"}, zstdOf(t, gzipOf(t, plain)), transport.CodeInvalidArgument, "more than once"},
		"no zstd":        {[]string{"zstd"}, plain, transport.CodeInvalidArgument, "no zstd"},
		"no gzip":        {[]string{"gzip"}, plain, transport.CodeInvalidArgument, "no gzip"},
		"empty zstd":     {[]string{"zstd"}, nil, transport.CodeInvalidArgument, "no zstd"},
		"empty gzip":     {[]string{"gzip"}, nil, transport.CodeInvalidArgument, "no gzip"},
		"cut zstd":       {[]string{"zstd"}, zstdOf(t, plain)[:300], transport.CodeInvalidArgument, "cut short"},
		"cut gzip":       {[]string{"gzip"}, gzipOf(t, plain)[:300], transport.CodeInvalidArgument, "cut short"},
		"trailing bytes": {[]string{"gzip"}, append(gzipOf(t, plain), "more"...), transport.CodeInvalidArgument, "damaged"},
		"zstd bomb":      {[]string{"zstd"}, zstdOf(t, make([]byte, 5<<20)), transport.CodeResourceExhausted, "more than 4194304 bytes"},
		"gzip bomb":      {[]string{"gzip"}, gzipOf(t, make([]byte, 5<<20)), transport.CodeResourceExhausted, "more than 4194304 bytes"},
		"two gzip bombs": {[]string{"gzip"}, bytes.Repeat(gzipOf(t, make([]byte, 3<<20)), 2), transport.CodeResourceExhausted, "more than 4194304 bytes"},
		"two zstd bombs": {[]string{"zstd"}, bytes.Repeat(zstdOf(t, make([]byte, 3<<20)), 2), transport.CodeResourceExhausted, "more than 4194304 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			ran := false
			h := middleware(t).Inbound(func(context.Context, *transport.Message) (*transport.Message, error) {
				ran = true
				return nil, nil
			})
			msg := &transport.Message{Body: tc.body}
			for _, e := range tc.encodings {
				msg.Header.Add("content-encoding", e)
			}
			_, err := h(t.Context(), msg)
			var e *transport.Error
			if !errors.As(err, &e) || e.Code != tc.code || !strings.Contains(e.Message, tc.text) || ran {
				t.Errorf("got %v, handler ran: %v; want %v, %q", err, ran, tc.code, tc.text)
			}
		})
	}
}

func TestWhatIsCompressedElsewhereIsRead(t *testing.T) {
	body := text(70_000)
	level := func(l zstd.EncoderLevel) []byte {
		var out bytes.Buffer // a stream does not say its size
		w, err := zstd.NewWriter(&out, zstd.WithEncoderLevel(l))
		if err != nil {
			t.Fatal(err)
		}
		for part := range slices.Chunk(body, 5000) {
			if _, err := w.Write(part); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	for name, tc := range map[string]struct {
		encoding string
		body     []byte
	}{
		"zstd of one piece":   {"zstd", zstdOf(t, body)},
		"zstd of a stream":    {"zstd", level(zstd.SpeedDefault)},
		"zstd, best":          {"zstd", level(zstd.SpeedBestCompression)},
		"two frames":          {"zstd", append(zstdOf(t, body[:30]), zstdOf(t, body[30:])...)},
		"gzip":                {"gzip", gzipOf(t, body)},
		"GZIP":                {"GZIP", gzipOf(t, body)},
		"two members of gzip": {"gzip", append(gzipOf(t, body[:60_000]), gzipOf(t, body[60_000:])...)},
		"identity":            {"identity", body},
		"utf-8":               {"utf-8", body},
	} {
		t.Run(name, func(t *testing.T) {
			var got []byte
			h := middleware(t).Inbound(func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
				got = msg.Body
				return nil, nil
			})
			msg := &transport.Message{Body: tc.body}
			msg.Header.Add("content-encoding", tc.encoding)
			if _, err := h(t.Context(), msg); err != nil || !bytes.Equal(got, body) {
				t.Errorf("got %d bytes, %v; want %d", len(got), err, len(body))
			}
		})
	}
}

// TestABombIsRefusedAtTheLimit is T189 of the catalogue.
func TestABombIsRefusedAtTheLimit(t *testing.T) {
	const limit = 4 << 20
	zeros := make([]byte, 16<<20)
	unsized := func() []byte { // it does not say what it becomes
		var out bytes.Buffer
		w, err := zstd.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	lie := gzipOf(t, zeros)
	copy(lie[len(lie)-4:], []byte{0, 1, 0, 0}) // 256 bytes, says the trailer
	for name, tc := range map[string]struct {
		encoding string
		body     []byte
	}{
		"zstd": {"zstd", zstdOf(t, zeros)}, "zstd of a stream": {"zstd", unsized()},
		"gzip": {"gzip", gzipOf(t, zeros)}, "gzip that lies": {"gzip", lie},
		"zstd frames": {"zstd", bytes.Repeat(zstdOf(t, zeros[:100_000]), 160)},
	} {
		t.Run(name, func(t *testing.T) {
			if ratio := len(zeros) / len(tc.body); ratio < 900 {
				t.Fatalf("this bomb is 1:%d alone", ratio)
			}
			h := middleware(t).Inbound(echo)
			attempt := func() error {
				msg := &transport.Message{Body: tc.body}
				msg.Header.Add("content-encoding", tc.encoding)
				_, err := h(t.Context(), msg)
				return err
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := attempt()
			runtime.ReadMemStats(&after)
			if !errors.Is(err, transport.CodeResourceExhausted) {
				t.Errorf("got %v, want resource_exhausted", err)
			}
			if spent := after.TotalAlloc - before.TotalAlloc; spent >= 2*limit {
				t.Errorf("it cost %d bytes, want less than %d", spent, 2*limit)
			}
		})
	}
}

func TestABodyThatSaysALargeSizeBuysNoMemory(t *testing.T) {
	// A frame that declares 4 MiB and a window of as much, and holds nothing.
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0x40, 0, 1, 0, 0}
	h := middleware(t).Inbound(echo)
	attempt := func() {
		msg := &transport.Message{Body: frame}
		msg.Header.Add("content-encoding", "zstd")
		if _, err := h(t.Context(), msg); err == nil {
			t.Error("a frame without its content was read")
		}
	}
	attempt() // what is kept is made
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		attempt()
	}
	runtime.ReadMemStats(&after)
	if spent := (after.TotalAlloc - before.TotalAlloc) / 100; spent > 64<<10 {
		t.Errorf("%d bytes cost %d, want at most 64 KiB", len(frame), spent)
	}
}

func TestAReplyThatCannotBeReadIsNotTheCallersFault(t *testing.T) {
	bomb := zstdOf(t, make([]byte, 8<<20))
	for encoding, want := range map[string]transport.Code{"zstd": transport.CodeResourceExhausted, "br": transport.CodeInternal, "gzip": transport.CodeInternal} {
		t.Run(encoding, func(t *testing.T) {
			var atServer watcher
			s, c := wires()[0].pair(t, atServer.options(nil), middleware(t).Options())
			handle(t, s, "bad", func(context.Context, *transport.Message) (*transport.Message, error) {
				reply := &transport.Message{Body: bomb}
				reply.Header.Set("content-encoding", encoding)
				return reply, nil
			})
			if _, err := c.Request(t.Context(), &transport.Message{Destination: "bad"}); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
}

func TestADestinationThatRefusesIsForgotten(t *testing.T) {
	var atServer watcher
	s, c := wires()[0].pair(t, atServer.options(middleware(t)), middleware(t).Options())
	failing := false
	handle(t, s, "echo", func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		if failing {
			return nil, transport.CodeInvalidArgument.Errorf("not now")
		}
		return echo(ctx, msg)
	})
	request := func() string {
		_, err := c.Request(t.Context(), &transport.Message{Destination: "echo", Body: text(9000)})
		if failing != (err != nil) {
			t.Fatal(err)
		}
		return encodingOf(&atServer.got)
	}
	first, second := request(), request()
	failing = true
	refused, after := request(), request()
	if got := []string{first, second, refused, after}; !slices.Equal(got, []string{"", "zstd", "zstd", ""}) {
		t.Errorf("requests went in %q", got)
	}
}

func TestTheCallersMessageIsNotWrittenTo(t *testing.T) {
	eachWire(t, func(t *testing.T, w wire) {
		s, c := w.pair(t, middleware(t).Options(), middleware(t, compress.WithAgreement()).Options())
		handle(t, s, "echo", echo)
		for _, fields := range []int{0, 2, 62, 63, 64} {
			msg := &transport.Message{Destination: "echo", Body: text(5000)}
			for i := range fields {
				msg.Header.Add(fmt.Sprintf("x-%d", i), "1")
			}
			reply, err := c.Request(t.Context(), msg)
			if err != nil {
				t.Fatalf("with %d fields: %v", fields, err)
			}
			if msg.Header.Len() != fields || !bytes.Equal(msg.Body, text(5000)) {
				t.Errorf("with %d fields the message became %v", fields, msg)
			}
			if reply.Header.Get("x-0") != msg.Header.Get("x-0") || !bytes.Equal(reply.Body, msg.Body) {
				t.Errorf("with %d fields the reply is %v", fields, reply)
			}
		}
	})
}

func TestAcceptEncodingIsReadAsInHTTP(t *testing.T) {
	for accept, want := range map[string]string{
		"": "", "zstd": "zstd", "gzip": "gzip", "gzip, zstd": "zstd", "GZIP;q=0.5 , br": "gzip", "zstd;q=0, gzip": "gzip", "zstd;q=0.0": "",
		"identity": "", "br, deflate": "", "*": "zstd", "*, zstd;q=0": "", "*;q=0": "", "*, gzip": "gzip", " zstd ;q=1": "zstd", ",,;": "",
	} {
		t.Run(accept, func(t *testing.T) {
			s, c := wires()[0].pair(t, middleware(t).Options(), nil)
			handle(t, s, "text", func(context.Context, *transport.Message) (*transport.Message, error) {
				return &transport.Message{Body: text(5000)}, nil
			})
			msg := &transport.Message{Destination: "text"}
			msg.Header.Set("accept-encoding", accept)
			reply, err := c.Request(t.Context(), msg)
			if err != nil || encodingOf(reply) != want {
				t.Errorf("got %q, %v, want %q", encodingOf(reply), err, want)
			}
		})
	}
}

func TestWrongOptionsAreNamed(t *testing.T) {
	for text, opt := range map[string]compress.Option{
		`unknown algorithm "brotli" (known: zstd, gzip)`:           compress.WithAlgorithm("brotli"),
		"threshold 0: use a number of bytes above zero":            compress.WithThreshold(0),
		"limit 3: use from the threshold, 1024 bytes, up to 1 GiB": compress.WithLimit(3),
	} {
		if _, err := compress.New(opt); err == nil || err.Error() != text {
			t.Errorf("got %v, want %s", err, text)
		}
	}
	if _, _, err := compress.Configure("brotli", 0, false); err == nil {
		t.Error("Configure takes an unknown algorithm")
	}
}
