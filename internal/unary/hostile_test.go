package unary

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
)

func TestRepliesOfAllKindsAreReadOrRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		do   func(s *scripted, id uint32)
		code codes.Code // of the status
		text string     // in the status or the message
		lost bool       // the connection is, and the call's fate unknown
	}{
		"a reply":          {do: func(s *scripted, id uint32) { s.answer(id, "pong") }, text: "pong"},
		"an empty message": {do: func(s *scripted, id uint32) { s.answer(id, "") }},
		"only a trailer": {do: func(s *scripted, id uint32) {
			s.trailer(id, ":status", "200", "content-type", "application/grpc+x", "grpc-status", "5", "grpc-message", "no%20such%zz%")
		}, code: codes.NotFound, text: "no such%zz%"},
		"a code that nobody knows": {do: func(s *scripted, id uint32) {
			s.trailer(id, ":status", "200", "content-type", "application/grpc", "grpc-status", "77")
		}, code: 77},
		"no status":                   {do: func(s *scripted, id uint32) { s.head(id); s.trailer(id, "x", "y") }, code: codes.Unknown},
		"a status that is no number":  {do: func(s *scripted, id uint32) { s.head(id); s.trailer(id, "grpc-status", "secret") }, code: codes.Unknown},
		"a success without a message": {do: func(s *scripted, id uint32) { s.head(id); s.trailer(id, "grpc-status", "0") }, code: codes.Internal},
		"success by a trailer alone": {do: func(s *scripted, id uint32) {
			s.trailer(id, ":status", "200", "content-type", "application/grpc", "grpc-status", "0")
		}, code: codes.Internal},
		"an error page": {do: func(s *scripted, id uint32) {
			s.header(id, false, ":status", "503", "content-type", "text/secret")
			_ = s.WriteData(id, true, []byte("secret"))
		}, code: codes.Unavailable, text: "503"},
		"not found": {do: func(s *scripted, id uint32) { s.trailer(id, ":status", "404") }, code: codes.Unimplemented},
		"success of HTTP alone": {do: func(s *scripted, id uint32) {
			s.trailer(id, ":status", "200", "content-type", "application/grpcsecret")
		}, code: codes.Unknown},
		"no status of HTTP":           {do: func(s *scripted, id uint32) { s.trailer(id, "x", "y") }, code: codes.Internal},
		"an interim response":         {do: func(s *scripted, id uint32) { s.header(id, false, ":status", "103"); s.answer(id, "pong") }, text: "pong"},
		"an interim response at last": {do: func(s *scripted, id uint32) { s.trailer(id, ":status", "103") }, code: codes.Internal},
		"a message before the header": {do: func(s *scripted, id uint32) { _ = s.WriteData(id, false, framed([]byte("x"))) }, code: codes.Internal},
		"two messages": {do: func(s *scripted, id uint32) {
			s.head(id)
			_ = s.WriteData(id, false, append(framed([]byte("x")), framed(nil)...))
		}, code: codes.Internal},
		"less than the length": {do: func(s *scripted, id uint32) {
			s.head(id)
			_ = s.WriteData(id, false, framed([]byte("xy"))[:6])
			s.trailer(id, "grpc-status", "0")
		}, code: codes.Internal},
		"a message above the limit": {do: func(s *scripted, id uint32) {
			s.head(id)
			_ = s.WriteData(id, false, []byte{0, 0xff, 0xff, 0xff, 0xff})
		}, code: codes.ResourceExhausted},
		"a flag that gRPC has not": {do: func(s *scripted, id uint32) { s.head(id); _ = s.WriteData(id, false, []byte{2, 0, 0, 0, 0}) }, code: codes.Internal},
		"compressed, nothing says how": {do: func(s *scripted, id uint32) {
			s.head(id)
			_ = s.WriteData(id, false, []byte{1, 0, 0, 0, 0})
			s.trailer(id, "grpc-status", "0")
		}, code: codes.Internal},
		"a second header":          {do: func(s *scripted, id uint32) { s.head(id); s.head(id) }, code: codes.Internal},
		"an end without a trailer": {do: func(s *scripted, id uint32) { s.head(id); _ = s.WriteData(id, true, framed(nil)) }, code: codes.Internal},
		"bytes that are no base64": {do: func(s *scripted, id uint32) {
			s.header(id, false, ":status", "200", "content-type", "application/grpc", "x-bin", "secret!")
		}, code: codes.Internal},
		"a key in upper case": {do: func(s *scripted, id uint32) {
			s.header(id, false, ":status", "200", "content-type", "application/grpc", "Secret", "x")
		}, code: codes.Internal},
		"a field of the connection": {do: func(s *scripted, id uint32) {
			s.header(id, false, ":status", "200", "content-type", "application/grpc", "connection", "secret")
		}, code: codes.Internal},
		"a pseudo-field at the end": {do: func(s *scripted, id uint32) {
			s.header(id, false, "content-type", "application/grpc", ":status", "200")
		}, code: codes.Internal},
		"a header above the limit": {do: func(s *scripted, id uint32) {
			s.header(id, false, ":status", "200", "x", strings.Repeat("secret", 2800))
		}, code: codes.Internal},
		"details of another code": {do: func(s *scripted, id uint32) {
			s.trailer(id, ":status", "200", "content-type", "application/grpc", "grpc-status", "5", detailsKey, "CAkSBnNlY3JldA")
		}, code: codes.Internal},
		"details": {do: func(s *scripted, id uint32) {
			s.trailer(id, ":status", "200", "content-type", "application/grpc", "grpc-status", "9", detailsKey, "CAkSAm9r")
		}, code: codes.FailedPrecondition, text: "ok"},
		"padding": {do: func(s *scripted, id uint32) {
			s.head(id)
			_ = s.WriteDataPadded(id, false, framed([]byte("pong")), make([]byte, 9))
			s.trailer(id, "grpc-status", "0")
		}, text: "pong"},
		"a reset":                   {do: func(s *scripted, id uint32) { _ = s.WriteRSTStream(id, http2.ErrCodeInternal) }, code: codes.Internal},
		"a cancel":                  {do: func(s *scripted, id uint32) { _ = s.WriteRSTStream(id, http2.ErrCodeCancel) }, code: codes.Canceled},
		"a frame that nobody knows": {do: func(s *scripted, id uint32) { _ = s.WriteRawFrame(0xbe, 0xff, id, []byte("x")); s.answer(id, "pong") }, text: "pong"},
		"a promise": {do: func(s *scripted, id uint32) {
			_ = s.WritePushPromise(http2.PushPromiseParam{StreamID: id, PromiseID: 2, BlockFragment: block(":status", "200"), EndHeaders: true})
		}, lost: true},
		"a block that is none": {do: func(s *scripted, id uint32) {
			_ = s.WriteRawFrame(http2.FrameHeaders, http2.FlagHeadersEndHeaders, id, []byte{0xff, 0xff, 0xff, 0xff, 0xff})
		}, lost: true},
		"half a block": {do: func(s *scripted, id uint32) {
			_ = s.WriteRawFrame(http2.FrameHeaders, http2.FlagHeadersEndHeaders, id, []byte{0x40})
		}, lost: true},
		"a call that there was not": {do: func(s *scripted, _ uint32) { s.head(99) }, lost: true},
		"a stream of the server's":  {do: func(s *scripted, _ uint32) { s.head(2) }, lost: true},
		"a frame above the limit":   {do: func(s *scripted, id uint32) { _ = s.WriteData(id, false, make([]byte, minFrame+1)) }, lost: true},
		"a window that overflows":   {do: func(s *scripted, _ uint32) { _ = s.WriteWindowUpdate(0, maxWindow) }, lost: true},
		"settings that are wrong":   {do: func(s *scripted, _ uint32) { _ = s.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1}) }, lost: true},
		"a block within another": {do: func(s *scripted, id uint32) {
			_ = s.WriteRawFrame(http2.FrameHeaders, 0, id, nil)
			_ = s.WritePing(false, [8]byte{})
		}, lost: true},
		"HTTP/1.1": {do: func(s *scripted, _ uint32) { _, _ = io.WriteString(s.raw, "HTTP/1.1 400 Bad Request\r\n\r\nsecret") }, lost: true},
		"the end":  {do: func(s *scripted, _ uint32) { _ = s.raw.Close() }, lost: true},
		"a header of endless frames": {do: func(s *scripted, id uint32) {
			err := s.WriteRawFrame(http2.FrameHeaders, 0, id, nil)
			for err == nil {
				err = s.WriteContinuation(id, false, nil)
			}
		}, lost: true},
		"a header of endless fields": {do: func(s *scripted, id uint32) {
			b := block("x", strings.Repeat("y", 1000))
			err := s.WriteRawFrame(http2.FrameHeaders, 0, id, b)
			for err == nil {
				err = s.WriteContinuation(id, false, b)
			}
		}, lost: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, testConfig(), onCall(tc.do))
			r, err := request(t, c, &Request{Message: []byte("ping")})
			if tc.lost != (err != nil) || errors.Is(err, ErrUnsent) || errors.Is(err, ErrRefused) {
				t.Fatalf("got %v, lost is to be %v", err, tc.lost)
			}
			text := string(r.Message)
			if r.Status != nil {
				text = r.Status.Message()
			}
			if got := r.Status.Code(); got != tc.code || !strings.Contains(text, tc.text) {
				t.Errorf("got %v, %q; want %v with %q", got, text, tc.code, tc.text)
			}
			if strings.Contains(text, "secret") || err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("%q, %v tells what the server sent", text, err)
			}
		})
	}
}

func TestAReplyCutAtAnyByteIsWholeOrLost(t *testing.T) {
	var whole bytes.Buffer
	recorded := &scripted{Framer: http2.NewFramer(&whole, nil)}
	recorded.answer(1, "pong")
	for n := range whole.Len() + 1 {
		c := connect(t, testConfig(), onCall(func(s *scripted, _ uint32) {
			_, _ = s.raw.Write(whole.Bytes()[:n])
			_ = s.raw.Close()
		}))
		r, err := request(t, c, &Request{})
		if done := n == whole.Len(); done != (err == nil) || done && string(r.Message) != "pong" {
			t.Errorf("after %d bytes of %d: %q, %v", n, whole.Len(), r.Message, err)
		}
		c.Close()
	}
}

func TestAFloodOfWhatWantsAnAnswerEndsTheConnection(t *testing.T) {
	cfg := testConfig()
	cfg.Answer = testTime // else it may be given up before, as one that takes nothing
	c := connect(t, cfg, onCall(func(s *scripted, _ uint32) {
		for s.WritePing(false, [8]byte{}) == nil { // and reads nothing
		}
	}))
	_, err := request(t, c, &Request{})
	if !errors.Is(err, errFlood) {
		t.Errorf("got %v, want %v", err, errFlood)
	}
}

func TestWhatTheServerDidNothingWithIsKnown(t *testing.T) {
	c := connect(t, testConfig(), onCall(func(s *scripted, id uint32) {
		switch id {
		case 1:
			_ = s.WriteRSTStream(id, http2.ErrCodeRefusedStream)
		case 3:
			_ = s.WriteGoAway(1, http2.ErrCodeNo, []byte("bye"))
		}
	}))
	for _, want := range []error{ErrRefused, ErrUnsent, ErrUnsent} {
		if _, err := request(t, c, &Request{}); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	<-c.Gone()
}

func TestACallBelowTheLastOneCompletesAfterGoAway(t *testing.T) {
	c := connect(t, testConfig(), onCall(func(s *scripted, id uint32) {
		_ = s.WriteGoAway(maxWindow, http2.ErrCodeNo, nil)
		_ = s.WriteGoAway(id, http2.ErrCodeNo, nil)
		s.answer(id, "pong")
	}))
	if r, err := request(t, c, &Request{}); err != nil || string(r.Message) != "pong" {
		t.Errorf("got %q, %v", r.Message, err)
	}
	if _, err := request(t, c, &Request{}); !errors.Is(err, ErrUnsent) {
		t.Errorf("got %v after GOAWAY, want ErrUnsent", err)
	}
}

func TestAGoAwayThatTakesBackWhatItSaidEndsTheConnection(t *testing.T) {
	c := connect(t, testConfig(), onCall(func(s *scripted, id uint32) {
		_ = s.WriteGoAway(id, http2.ErrCodeNo, nil)
		_ = s.WriteGoAway(id+2, http2.ErrCodeNo, nil)
	}))
	if _, err := request(t, c, &Request{}); !errors.Is(err, errProtocol) {
		t.Errorf("got %v, want %v", err, errProtocol)
	}
}

func TestAServerThatIsNoneOfHTTP2IsNoConnection(t *testing.T) {
	for name, says := range map[string]string{
		"nothing": "", "HTTP/1.1": "HTTP/1.1 400 Bad Request\r\n\r\n", "a ping first": "\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678",
		"an acknowledgement first": "\x00\x00\x00\x04\x01\x00\x00\x00\x00", "wrong settings": "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x01",
	} {
		t.Run(name, func(t *testing.T) {
			client, server := net.Pipe()
			defer server.Close()
			go func() { _, _ = io.Copy(io.Discard, server) }()  // ends with the pipe
			go func() { _, _ = io.WriteString(server, says) }() // likewise
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if c, err := New(ctx, client, nil, testConfig()); err == nil {
				c.Close()
				t.Error("got a connection")
			}
		})
	}
}

// FuzzServers reads what a server may send, with a call under way. It ends, whatever that is.
func FuzzServers(f *testing.F) {
	var whole bytes.Buffer
	recorded := &scripted{Framer: http2.NewFramer(&whole, nil)}
	recorded.answer(1, "pong")
	f.Add(whole.Bytes())
	whole.Reset()
	_ = recorded.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
	_ = recorded.WriteGoAway(1, http2.ErrCodeNo, nil)
	_ = recorded.WriteWindowUpdate(1, 100)
	recorded.trailer(1, ":status", "200", "content-type", "application/grpc", "grpc-status", "9", detailsKey, "CAkSAm9r")
	f.Add(whole.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		client, server := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, server) }() // ends with the pipe
		said := make(chan struct{})
		go func() {
			defer close(said)
			_, _ = io.WriteString(server, "\x00\x00\x00\x04\x00\x00\x00\x00\x00")
			_, _ = server.Write(b)
			_ = server.Close()
		}()
		c, err := New(t.Context(), client, nil, testConfig())
		if err == nil {
			r := &Reply{Limit: 1 << 16}
			err = c.Call(t.Context(), &Request{Path: "/a/b", ContentType: "application/grpc", Message: make([]byte, 100)}, r)
			if err == nil && r.Status == nil && len(r.Message) > r.Limit {
				t.Errorf("a message of %d bytes", len(r.Message))
			}
			c.Close()
		}
		<-said
	})
}
