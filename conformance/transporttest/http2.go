package transporttest

import (
	"crypto/tls"
	"encoding/binary"
	"net"
)

// An HTTP2Field is one header field, in lower case; pseudo fields begin with a colon.
type HTTP2Field struct{ Name, Value string }

// Types and flags of frames, by RFC 9113.
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	framePriority     = 0x2
	frameReset        = 0x3
	frameSettings     = 0x4
	framePing         = 0x6
	frameGoAway       = 0x7
	frameWindow       = 0x8
	frameContinuation = 0x9

	flagEndStream  = 0x1
	flagEndHeaders = 0x4
)

const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// appendFrame appends one frame of HTTP/2.
func appendFrame(b []byte, kind, flags byte, stream uint32, payload []byte) []byte {
	n := len(payload)
	b = append(b, byte(n>>16), byte(n>>8), byte(n), kind, flags)
	return append(binary.BigEndian.AppendUint32(b, stream), payload...)
}

// appendFields appends fields in HPACK, as literals that no table keeps.
func appendFields(b []byte, fields []HTTP2Field) []byte {
	for _, f := range fields {
		b = append(b, 0x10) // never indexed, new name
		b = appendText(b, f.Name)
		b = appendText(b, f.Value)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	if len(s) < 127 {
		return append(append(b, byte(len(s))), s...)
	}
	b = append(b, 127)
	n := len(s) - 127
	for n >= 128 {
		b, n = append(b, byte(n)|128), n>>7
	}
	return append(append(b, byte(n)), s...)
}

// maxFrame is the largest payload that everybody takes.
const maxFrame = 16 << 10

// appendRequest appends the frames of one request, which ends its stream.
func appendRequest(b []byte, stream uint32, fields []HTTP2Field, data []byte) []byte {
	b = appendFrame(b, frameHeaders, flagEndHeaders, stream, appendFields(nil, fields))
	for ; len(data) > maxFrame; data = data[maxFrame:] {
		b = appendFrame(b, frameData, 0, stream, data[:maxFrame])
	}
	return appendFrame(b, frameData, flagEndStream, stream, data)
}

// HTTP2Request is a whole connection of HTTP/2 with one request, in bytes: for [Harness].Request.
func HTTP2Request(fields []HTTP2Field, data []byte) []byte {
	return appendRequest(appendHello(nil), 1, fields, data)
}

// appendHello appends how a client begins a connection.
func appendHello(b []byte) []byte {
	return appendFrame(append(b, http2Preface...), frameSettings, 0, 0, nil)
}

// deaf makes c hold as little as it can of what nobody reads.
func deaf(c net.Conn) {
	if sealed, ok := c.(*tls.Conn); ok {
		c = sealed.NetConn()
	}
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetReadBuffer(4 << 10) // smaller is a wish, not a need
	}
}
