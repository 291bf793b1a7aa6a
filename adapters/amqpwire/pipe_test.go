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

	"github.com/polywire/polywire/internal/brokertest"
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
	if err := p.flush(brokertest.Context(t)); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	if b := brokertest.Receive(t, got); !bytes.Equal(b, want) {
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
	if err := brokertest.Receive(t, waits); !errors.Is(err, transport.CodeUnavailable) {
		t.Errorf("what was never written gives %v, want unavailable", err)
	}
}
