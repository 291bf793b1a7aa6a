package grpcwire

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/internal/tlsfiles/tlstest"
	"github.com/polywire/polywire/internal/wireharness"
	"github.com/polywire/polywire/transport"
)

// TestConformance runs the suite between a node and its client, which also attaches handlers there.
func TestConformance(t *testing.T) {
	reg := transport.NewRegistry(Factory())
	h := harness(wireharness.Node{Registry: reg, Scheme: "grpc", Listen: "attach"})
	h.Stub = stub(t, reg)
	transporttest.Run(t, h)
}

// TestConformanceWithTLS runs it with a certificate on both sides. What strangers say to a listener it has said above.
func TestConformanceWithTLS(t *testing.T) {
	ca := tlstest.NewAuthority(t)
	cert, key := ca.Issue(t, "node")
	files := "ca=" + ca.File + "&clientca=" + ca.File + "&cert=" + cert + "&key=" + key
	reg := transport.NewRegistry(Factory())
	h := harness(wireharness.Node{Registry: reg, Scheme: "grpcs", Listen: "attach&" + files, Dial: files})
	h.Stub = stub(t, reg)
	h.Sealed, h.Request, h.HTTP2, h.Crowded = true, nil, nil, nil
	transporttest.Run(t, h)
}

func harness(n wireharness.Node) transporttest.Harness {
	h := n.GRPC()
	h.Adapter = func(ctx context.Context, server *transport.Conn) (transport.Adapter, error) {
		return openAdapter(ctx, n.Scheme+"://"+server.Addr()+"?"+n.Dial)
	}
	return h
}

// stub opens a client of a listener that speaks HTTP/2 as far as a handshake goes, and answers each request after it with script and the end.
func stub(t *testing.T, reg *transport.Registry) func(ctx context.Context, script []byte) (*transport.Conn, error) {
	return func(ctx context.Context, script []byte) (*transport.Conn, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() { // ends with the listener
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go mislead(c, script)
			}
		}()
		return reg.Open(ctx, "grpc://"+l.Addr().String())
	}
}

// mislead answers the stream of the link as a server without a bus does, and anything else by script.
func mislead(c net.Conn, script []byte) {
	defer c.Close()
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c, preface); err != nil {
		return
	}
	f := http2.NewFramer(c, c)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_ = f.WriteSettings()
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		h, ok := frame.(*http2.MetaHeadersFrame)
		switch {
		case ok && h.PseudoValue("path") == busLink:
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: h.StreamID, BlockFragment: unimplemented(), EndHeaders: true, EndStream: true})
		case ok:
			_, _ = c.Write(script)
			return
		}
		if s, is := frame.(*http2.SettingsFrame); is && !s.IsAck() {
			_ = f.WriteSettingsAck()
		}
	}
}

func unimplemented() []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for _, h := range [][2]string{{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "12"}} {
		_ = e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}) // a buffer never fails
	}
	return b.Bytes()
}
