package amqpwire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"testing/iotest"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
)

func confirm(method uint16, tag uint64) []byte {
	return frame(typeMethod, append(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint16([]byte{0, classBasic}, method), tag), 1))
}

// guarded reads what a guard lets through, with seven messages published and bodies of 1000 bytes allowed.
func guarded(in io.Reader) ([]byte, error) {
	return io.ReadAll(&guard{in: bufio.NewReaderSize(in, readBuffer), limit: 1000, published: func() uint64 { return 7 }})
}

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
		{frame(3, make([]byte, frameMax)), true},
		{frame(3, make([]byte, frameMax+1)), false},
		{confirm(methodAck, 7), true},
		{confirm(methodAck, 8), false},
		{confirm(methodNack, 1<<64-1), false},
		{confirm(60, 1<<64-1), true},
	} {
		for name, in := range map[string]io.Reader{"whole": bytes.NewReader(c.stream), "byte by byte": iotest.OneByteReader(bytes.NewReader(c.stream))} {
			got, err := guarded(in)
			if (err == nil) != c.ok || c.ok && !bytes.Equal(got, c.stream) {
				t.Errorf("% x %s: %d bytes and %v, want ok %v", c.stream[:min(len(c.stream), 24)], name, len(got), err, c.ok)
			}
		}
	}
}

// headersFrame is a content header with two properties before its table.
func headersFrame(table []byte) []byte {
	flags := []byte{0xe0, 0}
	return frame(typeHeader, concat([]byte{0, 60, 0, 0}, make([]byte, 8), flags, short("text/plain"), short("utf-8"), long(string(table))))
}

// nest makes the inside of a table of tables.
func nest(depth int) []byte {
	b := concat(short("k"), []byte{'t', 1})
	for range depth {
		b = concat(short("k"), []byte{'F'}, long(string(b)))
	}
	return b
}

func array(items int) []byte {
	return concat(short("k"), []byte{'A'}, long(string(bytes.Repeat([]byte{'V'}, items))))
}

func TestATableThatTheLibraryRefusesIsVeiled(t *testing.T) {
	for _, c := range []struct {
		name   string
		table  []byte
		veiled bool
	}{
		{"an empty one", nil, false},
		{"one of every type", everyType(), false},
		{"nested as deep as is read", nest(maxDepth), false},
		{"nested deeper", nest(maxDepth + 1), true},
		{"nested as deep as a frame can hold", nest(2000), true},
		{"a long array", array(maxItems), false},
		{"one too long", array(maxItems + 1), true},
		{"a table with too many keys", bytes.Repeat([]byte{0, 'V'}, maxItems+1), true},
		{"an unknown type", concat(short("a"), []byte{'?'}), true},
		{"a text beyond the table", concat(short("ab"), []byte{'S', 0, 0, 1, 0}), true},
	} {
		stream := headersFrame(c.table)
		got, err := guarded(bytes.NewReader(stream))
		if err != nil || len(got) != len(stream) {
			t.Fatalf("%s: %v, or %d bytes of %d", c.name, err, len(got), len(stream))
		}
		if changed := !bytes.Equal(got, stream); changed != c.veiled {
			t.Errorf("%s: veiled %v, want %v", c.name, changed, c.veiled)
		}
		if table := headersOf(got[frameHeader+leadSize:]); !readable(table, 0) && len(c.table) > 0 {
			t.Errorf("%s: not readable afterwards", c.name)
		}
	}
}

func everyType() (b []byte) {
	for kind, size := range map[byte]int{'V': 0, 't': 1, 'B': 1, 'b': 1, 's': 2, 'u': 2, 'I': 4, 'i': 4, 'f': 4, 'D': 5, 'l': 8, 'd': 8, 'T': 8} {
		b = concat(b, short(string(kind)), []byte{kind}, make([]byte, size))
	}
	return concat(b, short("S"), []byte{'S'}, long("text"), short("x"), []byte{'x'}, long("bytes"), array(3), nest(1))
}

// FuzzGuard: how the stream is cut changes nothing, and nothing makes it panic or change its length.
func FuzzGuard(f *testing.F) {
	f.Add(contentHeader(1001))
	f.Add(append(frame(1, []byte("x")), contentHeader(7)...))
	f.Add(confirm(methodAck, 8))
	f.Add(headersFrame(nest(40)))
	f.Add(headersFrame(everyType()))
	f.Add([]byte{2, 0, 0, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole, want := guarded(bytes.NewReader(stream))
		cut, got := guarded(iotest.OneByteReader(bytes.NewReader(stream)))
		if (want == nil) != (got == nil) || !bytes.Equal(whole, cut) && want == nil {
			t.Errorf("whole: %v, cut: %v", want, got)
		}
		if len(whole) > len(stream) {
			t.Errorf("%d bytes came of %d", len(whole), len(stream))
		}
	})
}

func TestAPoisonousTableFromAnotherPublisherIsDelivered(t *testing.T) {
	url := ownURL(t)
	a, ctx := openAdapter(t, url), brokertest.Context(t)
	s := brokertest.NewSink()
	mustBind(t, a, transport.Binding{Kind: transport.KindQueue, Pattern: "x"}, s)
	deep := amqp.Table{}
	for range 200 {
		deep = amqp.Table{"k": deep}
	}
	many := make([]any, 10000)
	ch := rawChannel(t, url)
	for name, table := range map[string]amqp.Table{"deep": deep, "many": {"many": many}, "good": {"x-good": "1"}} {
		if err := ch.PublishWithContext(ctx, "", a.names.sends("x"), true, false, amqp.Publishing{Headers: table, Body: []byte(name)}); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		d := s.Next(t)
		if e := d.Envelope(); e.Attempt != 1 || (string(e.Body) == "good") != e.Header.Has("x-good") {
			t.Errorf("%s: attempt %d, %v", e.Body, e.Attempt, e.Header)
		}
		if err := d.Accept(ctx); err != nil {
			t.Error(err)
		}
	}
}
