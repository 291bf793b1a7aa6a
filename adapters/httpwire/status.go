package httpwire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/polywire/polywire/internal/httpstatus"
	"github.com/polywire/polywire/transport"
)

const (
	problemType = "application/problem+json"
	maxProblem  = 128 << 10 // bytes of an error's text and details as JSON
	noHandler   = "no-handler"
	queueFull   = "queue-full"
	closing     = "closing"
)

var errClosing = errors.New("this node is closing")

// codeOfStatus is the code of a status that came without Polywire-Code, from a
// server or proxy that knows nothing of polywire: the table of RPC over HTTP.
func codeOfStatus(status int) transport.Code {
	switch status {
	case http.StatusBadRequest:
		return transport.CodeInternal
	case http.StatusUnauthorized:
		return transport.CodeUnauthenticated
	case http.StatusForbidden:
		return transport.CodePermissionDenied
	case http.StatusNotFound:
		return transport.CodeUnimplemented
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return transport.CodeUnavailable
	}
	return transport.CodeUnknown
}

// A problem is an error as RFC 9457 writes it, with the code and the details of polywire.
type problem struct {
	Title   string          `json:"title,omitempty"`
	Status  int             `json:"status,omitempty"`
	Code    string          `json:"code"`
	Detail  string          `json:"detail,omitempty"`
	Reason  string          `json:"reason,omitempty"` // "no-handler": nobody handles the destination, nothing ran
	Retry   string          `json:"retry-after,omitempty"`
	Details []problemDetail `json:"details,omitempty"`
}

type problemDetail struct {
	Type string `json:"type"`
	Data []byte `json:"data"` // base64
}

func problemOf(e *transport.Error) *problem {
	status := httpstatus.Of(e.Code)
	p := &problem{Title: http.StatusText(status), Status: status, Code: e.Code.String(), Detail: e.Message}
	switch {
	case errors.Is(e, transport.ErrNoHandler):
		p.Reason = noHandler
	case errors.Is(e, errClosing):
		p.Reason = closing
	}
	if e.RetryAfter > 0 {
		p.Retry = e.RetryAfter.String()
	}
	for _, d := range e.Details {
		p.Details = append(p.Details, problemDetail{d.Type, d.Data})
	}
	return p
}

func (p *problem) error() *transport.Error {
	e := &transport.Error{Message: p.Detail}
	if e.Code.UnmarshalText([]byte(p.Code)) != nil {
		e.Code = transport.CodeUnknown
	}
	if p.Reason == noHandler {
		e = transport.CodeUnavailable.Errorf("%w", transport.ErrNoHandler)
	}
	if d, err := time.ParseDuration(p.Retry); err == nil && d > 0 {
		e.RetryAfter = d
	}
	for _, d := range p.Details {
		e.Details = append(e.Details, transport.Detail{Type: d.Type, Data: d.Data})
	}
	return e
}

// asError finds what to tell a peer of a failure of this node.
func asError(err error) *transport.Error {
	var e *transport.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return transport.CodeDeadlineExceeded.Errorf("the time was up before the handler answered")
	case errors.Is(err, context.Canceled):
		return transport.CodeCanceled.Errorf("the caller went away")
	case errors.Is(err, transport.ErrClosed):
		return transport.CodeUnavailable.Errorf("%w", errClosing)
	}
	return transport.CodeInternal.Errorf("this node failed")
}

// encodeReply writes a reply's fields into h and returns its status and body.
func encodeReply(h http.Header, e *transport.Envelope) (int, []byte) {
	putFields(headerSink(h), e, false)
	delete(h, timeoutField) // whoever waits knows how long
	if e.Err == nil {
		if _, has := h[contentType]; !has {
			h[contentType] = nil // net/http guesses otherwise
		}
		return http.StatusOK, e.Body
	}
	return encodeError(h, e.Err)
}

func encodeError(h http.Header, e *transport.Error) (int, []byte) {
	return encodeProblem(h, e, httpstatus.Of(e.Code))
}

func encodeProblem(h http.Header, e *transport.Error, status int) (int, []byte) {
	p := problemOf(e)
	p.Title, p.Status = http.StatusText(status), status
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte(`{"code":"internal"}`) // a struct of texts always can be written
	}
	h[contentType] = []string{problemType}
	h[codeField] = []string{p.Code}
	if p.Reason != "" {
		h[reasonField] = []string{p.Reason}
	}
	if e.RetryAfter > 0 {
		h["Retry-After"] = []string{strconv.FormatInt(int64((e.RetryAfter+time.Second-1)/time.Second), 10)}
	}
	return p.Status, append(body, '\n')
}

// decodeReply reads what a peer answered, or what a remote handler did. Without
// a status, the code alone tells an error.
func decodeReply(h http.Header, status int, body []byte) (*transport.Envelope, error) {
	e := &transport.Envelope{Kind: transport.KindReply}
	code := h.Get(codeField)
	if code == "" && (status == 0 || status/100 == 2) {
		e.Body = body
		return e, takeFields(h, e)
	}
	if err := takeFields(h, e); err != nil {
		return nil, err
	}
	e.ContentType, e.Accept = "", ""
	e.Err = decodeError(h, status, body)
	return e, nil
}

func decodeError(h http.Header, status int, body []byte) *transport.Error {
	var p problem
	if strings.HasPrefix(h.Get(contentType), problemType) {
		_ = json.Unmarshal(body, &p) // what cannot be read is left empty
	}
	known := h.Get(codeField) != ""
	p.Code = h.Get(codeField)
	if p.Reason == "" {
		p.Reason = h.Get(reasonField)
	}
	if !known {
		p.Code, p.Reason = codeOfStatus(status).String(), ""
	}
	if p.Detail == "" && !known {
		p.Detail = strings.TrimSpace(fmt.Sprintf("the peer answered status %d %s", status, http.StatusText(status)))
	}
	e := p.error()
	if e.RetryAfter == 0 {
		e.RetryAfter = retryAfter(h)
	}
	return e
}

// readBody reads at most limit bytes. A declared length allocates little.
func readBody(r io.Reader, declared int64, limit int) ([]byte, error) {
	if declared > int64(limit) {
		return nil, tooLarge(limit)
	}
	if 0 <= declared && declared <= 256<<10 {
		return readExactly(r, int(declared))
	}
	var b bytes.Buffer
	if declared > 0 {
		b.Grow(256 << 10)
	}
	if _, err := b.ReadFrom(io.LimitReader(r, int64(limit)+1)); err != nil {
		return nil, err
	}
	if b.Len() > limit {
		return nil, tooLarge(limit)
	}
	return b.Bytes(), nil
}

// readExactly reads n bytes and the end, which lets net/http use the connection again.
func readExactly(r io.Reader, n int) ([]byte, error) {
	b := make([]byte, n+1)
	switch got, err := io.ReadFull(r, b); {
	case err == nil:
		return nil, errors.New("the body is longer than was declared")
	case got < n || !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, err
	}
	return b[:n:n], nil
}

func tooLarge(limit int) error {
	return transport.CodeResourceExhausted.Errorf("the body is larger than %d bytes", limit)
}
