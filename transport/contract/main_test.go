package contract_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gobCodec is a second format, so that something can be negotiated.
type gobCodec struct{}

func (gobCodec) Name() string        { return "gob" }
func (gobCodec) ContentType() string { return "application/x-gob" }

func (gobCodec) ContentTypeAliases() []string { return []string{"application/gob"} }

func (gobCodec) Append(dst []byte, v any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return append(dst, b.Bytes()...), err
}

func (gobCodec) Decode(src []byte, v any) error {
	return gob.NewDecoder(bytes.NewReader(src)).Decode(v)
}

func open(t testing.TB, opts ...transport.Option) *transport.Conn {
	t.Helper()
	conn, err := transport.NewRegistry(inproc.Factory()).Open(context.Background(), "inproc://contract", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func use(t testing.TB, conn *transport.Conn, codec codecs.Codec, more ...codecs.Codec) contract.Bus {
	t.Helper()
	bus, err := contract.Use(conn, codec, more...)
	if err != nil {
		t.Fatal(err)
	}
	return bus
}

// newBus is a JSON bus on a Conn of its own.
func newBus(t testing.TB) contract.Bus { return use(t, open(t), jsoncodec.New(), gobCodec{}) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, code transport.Code) *transport.Error {
	t.Helper()
	var e *transport.Error
	if !errors.As(err, &e) || e.Code != code || !errors.Is(err, code) {
		t.Fatalf("got %v (%T), want a *transport.Error with code %v", err, err, code)
	}
	return e
}

// drain waits for all handlers, so that what they did can be looked at.
func drain(t testing.TB, conn *transport.Conn) {
	t.Helper()
	must(t, conn.Drain(context.Background()))
}

type askRequest struct {
	ID    string   `json:"id"`
	Limit int32    `json:"limit,omitempty"`
	Tags  []string `json:"tags,omitempty"`
	Open  *bool    `json:"open,omitempty"`
}

type askReply struct {
	Text string `json:"text"`
}

// Refused is a declared failure with a value receiver, Broken one with a pointer receiver.
type Refused struct {
	Reason string `json:"reason"`
}

func (r Refused) Error() string { return "refused: " + r.Reason }

type Broken struct {
	Part int `json:"part"`
}

func (b *Broken) Error() string { return "broken" }
