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
	"github.com/polywire/polywire/transport"
)

// TestConformance runs the suite between a node and its client, which also attaches handlers there.
func TestConformance(t *testing.T) {
	transporttest.Run(t, harness(t, "grpc://", ""))
}

// TestConformanceWithTLS runs it with a certificate on both sides.
func TestConformanceWithTLS(t *testing.T) {
	ca := tlstest.NewAuthority(t)
	cert, key := ca.Issue(t, "node")
	files := "ca=" + ca.File + "&clientca=" + ca.File + "&cert=" + cert + "&key=" + key
	h := harness(t, "grpcs://", files)
	h.Name = "grpcs"
	transporttest.Run(t, h)
}

// harness makes two ends that speak scheme, with files.
func harness(t *testing.T, scheme, files string) transporttest.Harness {
	reg := transport.NewRegistry(Factory())
	to := func(server *transport.Conn) string { return scheme + server.Addr() + "?" + files }
	ends := transporttest.Harness{
		Name: "grpc",
		New: func(ctx context.Context, o transporttest.ConnOptions) (server, client *transport.Conn, err error) {
			at := scheme + "?listen=127.0.0.1:0&attach"
			if files != "" {
				at += "&" + files
			}
			if server, err = reg.Open(ctx, at, o.Server...); err != nil {
				return nil, nil, err
			}
			if client, err = reg.Open(ctx, to(server), o.Client...); err != nil {
				_ = server.Close()
				return nil, nil, err
			}
			return server, client, nil
		},
		Another: func(ctx context.Context, server *transport.Conn, opts ...transport.Option) (*transport.Conn, error) {
			return reg.Open(ctx, to(server), opts...)
		},
		Adapter: func(ctx context.Context, server *transport.Conn) (transport.Adapter, error) {
			return openAdapter(ctx, to(server))
		},
		Raw: func(ctx context.Context, server *transport.Conn) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", server.Addr())
		},
	}
	ends.Stub = stub(t, reg)
	return ends
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
