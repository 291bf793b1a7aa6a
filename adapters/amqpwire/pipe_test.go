package amqpwire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/polywire/polywire/transport"
)

// frame makes one frame of the wire.
func frame(kind byte, payload []byte) []byte {
	b := append([]byte{kind, 0, 1}, binary.BigEndian.AppendUint32(nil, uint32(len(payload)))...)
	return append(append(b, payload...), 0xce)
}

func contentHeader(size uint64) []byte {
	return frame(typeHeader, append(binary.BigEndian.AppendUint64([]byte{0, 60, 0, 0}, size), 0, 0))
}

func confirm(method uint16, tag uint64) []byte {
	return frame(typeMethod, append(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint16([]byte{0, classBasic}, method), tag), 1))
}

func seven() uint64 { return 7 }

func TestTheGuardRefusesWhatIsBeyondTheLimitsAlone(t *testing.T) {
	for _, c := range []struct {
		stream []byte
		ok     bool
	}{
		{contentHeader(1000), true},
		{contentHeader(1001), false},
		{contentHeader(1<<64 - 1), false},
		{append(frame(1, bytes.Repeat([]byte{0xff}, 100)), contentHeader(1000)...), true},
		{append(frame(3, bytes.Repeat([]byte{0xff}, 100)), contentHeader(1<<40)...), false},
		{append(frame(8, nil), contentHeader(1<<40)...), false},
		{confirm(methodAck, 7), true},
		{confirm(methodAck, 8), false},
		{confirm(methodNack, 1<<64-1), false},
		{confirm(60, 1<<64-1), true},
	} {
		for _, step := range []int{1, 3, 7, len(c.stream)} {
			g := guard{limit: 1000, published: seven}
			var err error
			for rest := c.stream; len(rest) > 0 && err == nil; rest = rest[min(step, len(rest)):] {
				err = g.pass(rest[:min(step, len(rest))])
			}
			if (err == nil) != c.ok {
				t.Errorf("% x in steps of %d: %v, want ok %v", c.stream[:min(len(c.stream), 24)], step, err, c.ok)
			}
		}
	}
}

// FuzzGuard: how the stream is cut changes nothing, and nothing makes it panic.
func FuzzGuard(f *testing.F) {
	f.Add(contentHeader(1001), uint8(3))
	f.Add(append(frame(1, []byte("x")), contentHeader(7)...), uint8(1))
	f.Add(confirm(methodAck, 8), uint8(5))
	f.Add([]byte{2, 0, 0, 0xff, 0xff, 0xff, 0xff}, uint8(2))
	f.Fuzz(func(t *testing.T, stream []byte, step uint8) {
		whole, cut := guard{limit: 1000, published: seven}, guard{limit: 1000, published: seven}
		want := whole.pass(stream)
		var got error
		n := max(int(step), 1)
		for rest := stream; len(rest) > 0 && got == nil; rest = rest[min(n, len(rest)):] {
			got = cut.pass(rest[:min(n, len(rest))])
		}
		if (want == nil) != (got == nil) {
			t.Errorf("whole: %v, in steps of %d: %v", want, n, got)
		}
	})
}

func TestThePipeWritesInOrderAndTellsWhen(t *testing.T) {
	ours, theirs := net.Pipe()
	p := newPipe(ours, 1000)
	got := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(theirs)
		got <- b
	}()
	var want []byte
	for i := range 1000 {
		b := bytes.Repeat([]byte{byte(i)}, i%50)
		want = append(want, b...)
		if _, err := p.Write(b); err != nil {
			t.Fatal(err)
		}
		clear(b) // the pipe has its own copy
	}
	if err := p.flush(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	if b := receive(t, got); !bytes.Equal(b, want) {
		t.Errorf("%d bytes came, want %d, or others", len(b), len(want))
	}
	if _, err := p.Write([]byte("x")); err == nil {
		t.Error("a closed pipe takes more")
	}
}

func TestWhoeverDoesNotReadBlocksNobody(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	p := newPipe(ours, 1000)
	if _, err := p.Write([]byte("nobody reads this")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := p.flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("flush gives %v", err)
	}
	waits := make(chan error, 1)
	go func() { waits <- p.flush(context.Background()) }()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	if err := receive(t, waits); !errors.Is(err, transport.CodeUnavailable) {
		t.Errorf("what was never written gives %v, want unavailable", err)
	}
}
