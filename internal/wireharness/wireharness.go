// Package wireharness makes harnesses of the conformance suite for wires
// without a broker, where one side listens and the other dials: for the tests of
// adapters, and for the command line. It promises no more than their needs.
package wireharness

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/transport"
)

// A Node says how both sides are opened.
type Node struct {
	Registry *transport.Registry
	Scheme   string      // as "http"
	Listen   string      // options of the URL that listens, as "attach"; may be empty
	Dial     string      // options of the URL that dials; may be empty
	TLS      *tls.Config // of a stranger that dials; nil is plain text
}

// HTTP is the harness of a node of HTTP.
func (n Node) HTTP() transporttest.Harness {
	h := n.harness()
	h.HTTP2 = func(destination string, body []byte) ([]transporttest.HTTP2Field, []byte) {
		return []transporttest.HTTP2Field{
			{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: n.Scheme}, {Name: ":authority", Value: "localhost"}, {Name: ":path", Value: "/request/" + destination},
		}, body
	}
	h.Request = func(destination string, body []byte) []byte {
		if n.TLS != nil {
			return transporttest.HTTP2Request(h.HTTP2(destination, body))
		}
		return fmt.Appendf(nil, "POST /request/%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", destination, len(body), body)
	}
	return h
}

// GRPC is the harness of a node of gRPC.
func (n Node) GRPC() transporttest.Harness {
	h := n.harness()
	h.HTTP2 = func(destination string, body []byte) ([]transporttest.HTTP2Field, []byte) {
		scheme := "http"
		if n.TLS != nil {
			scheme = "https"
		}
		dot := strings.LastIndexByte(destination, '.')
		data := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body))) //nolint:gosec // a test's body
		return []transporttest.HTTP2Field{
			{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: scheme}, {Name: ":authority", Value: "localhost"},
			{Name: ":path", Value: "/" + destination[:dot] + "/" + destination[dot+1:]}, {Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
		}, append(data, body...)
	}
	h.Request = func(destination string, body []byte) []byte {
		return transporttest.HTTP2Request(h.HTTP2(destination, body))
	}
	return h
}

func (n Node) harness() transporttest.Harness {
	return transporttest.Harness{
		Name: n.Scheme, Sealed: n.TLS != nil, Auth: true,
		New: func(ctx context.Context, o transporttest.ConnOptions) (server, client *transport.Conn, err error) {
			return n.open(ctx, n.Listen, o)
		},
		Another: func(ctx context.Context, server *transport.Conn, opts ...transport.Option) (*transport.Conn, error) {
			return n.dial(ctx, server.Addr(), opts...)
		},
		Member: func(ctx context.Context, address string, opts ...transport.Option) (*transport.Conn, error) {
			return n.Registry.Open(ctx, n.Scheme+"://?"+options("listen="+cmp.Or(address, "127.0.0.1:0"), n.Listen), opts...)
		},
		Balanced: func(ctx context.Context, pattern string, addresses []string, opts ...transport.Option) (*transport.Conn, error) {
			service := transport.Service{Name: "balanced", Owns: []string{pattern}, Endpoints: addresses}
			return n.Registry.Open(ctx, n.Scheme+"://?"+n.Dial, append(opts, transport.WithService("client", service))...)
		},
		TLSClient: func(ctx context.Context, address string, p transporttest.Party, opts ...transport.Option) (*transport.Conn, error) {
			return n.Registry.Open(ctx, n.secure()+"://"+address+"?"+filesOf(p), opts...)
		},
		TLSServer: func(ctx context.Context, p transporttest.Party, opts ...transport.Option) (*transport.Conn, error) {
			return n.Registry.Open(ctx, n.secure()+"://?"+options("listen=127.0.0.1:0", filesOf(p)), opts...)
		},
		Raw:      n.raw,
		Upstream: func(server *transport.Conn) string { return server.Addr() },
		Via:      n.dial,
		Crowded: func(ctx context.Context, connections int) (server, client *transport.Conn, err error) {
			return n.open(ctx, options(n.Listen, "connections="+strconv.Itoa(connections)), transporttest.ConnOptions{})
		},
	}
}

// open opens a node that listens with those options, and a client of it.
func (n Node) open(ctx context.Context, with string, o transporttest.ConnOptions) (server, client *transport.Conn, err error) {
	if server, err = n.Registry.Open(ctx, n.Scheme+"://?"+options("listen=127.0.0.1:0", with), o.Server...); err != nil {
		return nil, nil, err
	}
	if client, err = n.dial(ctx, server.Addr(), o.Client...); err != nil {
		return nil, nil, errors.Join(err, server.Close())
	}
	return server, client, nil
}

func (n Node) dial(ctx context.Context, address string, opts ...transport.Option) (*transport.Conn, error) {
	return n.Registry.Open(ctx, n.Scheme+"://"+address+"?"+n.Dial, opts...)
}

// secure is the scheme with TLS.
func (n Node) secure() string { return strings.TrimSuffix(n.Scheme, "s") + "s" }

// filesOf are the options of a URL that name p's files.
func filesOf(p transporttest.Party) string {
	q := url.Values{}
	for name, file := range map[string]string{"ca": p.CA, "cert": p.Cert, "key": p.Key, "clientca": p.CallerCA} {
		if file != "" {
			q.Set(name, file)
		}
	}
	return q.Encode()
}

// options joins what is not empty of all, as the options of a URL.
func options(all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), "&")
}

func (n Node) raw(ctx context.Context, server *transport.Conn) (net.Conn, error) {
	if n.TLS != nil {
		return (&tls.Dialer{Config: n.TLS}).DialContext(ctx, "tcp", server.Addr())
	}
	return new(net.Dialer).DialContext(ctx, "tcp", server.Addr())
}
