package http1

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
)

var (
	errMethod = errors.New("http1: the method is no token")
	errTarget = errors.New("http1: the target or the host has a character that no request line takes")
	errField  = errors.New("http1: a field has a name or a value that no header takes, or is the connection's own")
)

// A Field is one line of a header.
type Field struct{ Name, Value string }

// A Request is what a call asks for. Target is a path with its query, as it is to be sent; Fields are written
// in their order. Host, Content-Length and what else is the connection's own is not among them.
type Request struct {
	Method, Target, Host string
	Fields               []Field
	Body                 []byte
}

const userAgent = "polywire"

// appendHead writes the head of r (RFC 9112, sections 3 and 5).
func (r *Request) appendHead(b []byte) ([]byte, error) {
	switch {
	case !isToken(r.Method):
		return nil, errMethod
	case !isVisible(r.Host) || !isVisible(r.Target):
		return nil, errTarget
	}
	b = append(append(append(b, r.Method...), ' '), r.Target...)
	b = append(append(append(b, " HTTP/1.1\r\nHost: "...), r.Host...), "\r\nUser-Agent: "+userAgent+"\r\n"...)
	for i := range r.Fields {
		f := &r.Fields[i]
		if !isToken(f.Name) || !isValue(f.Value) || framing(f.Name) {
			return nil, errField
		}
		b = append(append(append(append(b, f.Name...), ": "...), f.Value...), "\r\n"...)
	}
	if len(r.Body) > 0 || r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(len(r.Body)), 10), "\r\n"...)
	}
	return append(b, "\r\n"...), nil
}

// framing reports whether a field says where the request ends, or whom it is for.
func framing(name string) bool {
	for _, own := range [...]string{"Host", "Content-Length", "Transfer-Encoding", "Trailer", "Connection", "Upgrade"} {
		if len(name) == len(own) && strings.EqualFold(name, own) {
			return true
		}
	}
	return false
}

// isToken: RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		alnum := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-'
		if !alnum && strings.IndexByte("!#$%&'*+.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s != ""
}

// isValue: RFC 9110, section 5.5.
func isValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
