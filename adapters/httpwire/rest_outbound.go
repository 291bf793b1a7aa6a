package httpwire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/polywire/polywire/internal/fieldtext"
	"github.com/polywire/polywire/transport"
)

// outgoing makes the request of e: by its rule where it has one, else to path, one of the node's own.
func (a *adapter) outgoing(path string, e *transport.Envelope) (*outgoing, error) {
	if a.ruled(path, e) {
		return a.restOutgoing(path, e)
	}
	o := newOutgoing(http.MethodPost, path+e.Destination, e)
	o.body = e.Body
	o.put(e, path != "/gather/")
	if path == "/gather/" {
		o.body = bytes.Clone(e.Body) // its response goes on when the verb has returned
		o.set(accept, ndjson)
	}
	return o, nil
}

// ruled reports whether e goes out as its rule says: topics have none.
func (a *adapter) ruled(path string, e *transport.Envelope) bool {
	return a.rest.called[e.Destination] != nil && (path == "/request/" || path == "/send/")
}

func (a *adapter) restOutgoing(path string, e *transport.Envelope) (*outgoing, error) {
	rule := a.rest.called[e.Destination]
	target, err := rule.Build(e.Params)
	if err != nil {
		return nil, invalid("%w", err)
	}
	own := *e
	own.Params = nil // they are in target
	o := newOutgoing(rule.Verb(), target, e)
	o.rest = true
	for _, f := range [...]nativeField{ifMatch, ifNoneMatch} {
		if v := own.Header.Get(f.key()); fieldtext.Plain(v) {
			own.Header = own.Header.Clone() // e's is the caller's
			own.Header.Del(f.key())
			o.set(string(f), v)
		}
	}
	if own.Accept == "" {
		own.Accept = own.ContentType // as the message means it; a stranger does not know
	}
	if rule.Body() {
		o.body = e.Body
	} else {
		own.ContentType = ""
	}
	o.put(&own, true)
	if path == "/send/" {
		o.set(prefer, respondSoon)
	}
	return o, nil
}

// decodeREST reads the answer of a server that serves REST, which may be one of ours.
func decodeREST(h http.Header, status int, body []byte) (*transport.Envelope, error) {
	if h.Get(codeField) != "" || status/100 == 2 {
		e, err := decodeReply(h, status, body)
		if err == nil && e.Err == nil {
			takeNative(h.Values, e, etag, location)
		}
		return e, err
	}
	failed := &transport.Error{
		Code: codeOfREST(status), RetryAfter: retryAfter(h),
		Message: fmt.Sprintf("the peer answered status %d %s", status, http.StatusText(status)),
	}
	switch {
	case status == http.StatusNotModified:
		failed.Message += ": what if-none-match names is current"
	case status/100 == 3:
		failed.Message += ": redirects are not followed; call the address that is meant"
	case strings.HasPrefix(h.Get(contentType), problemType):
		foreignProblem(failed, body)
	}
	return &transport.Envelope{Kind: transport.KindReply, Err: failed}, nil
}

// maxForeign bounds the problem of a stranger that travels as a detail.
const maxForeign = 4 << 10

// foreignProblem takes the text of a problem that a stranger wrote, and the whole of it as a detail where it is small.
func foreignProblem(failed *transport.Error, body []byte) {
	var p struct{ Title, Detail string }
	if json.Unmarshal(body, &p) != nil {
		return
	}
	if text := strings.TrimPrefix(p.Title+": "+p.Detail, ": "); text != "" {
		failed.Message = strings.TrimSuffix(text, ": ")
	}
	if len(body) <= maxForeign {
		failed.Details = []transport.Detail{{Type: problemType, Data: bytes.Clone(body)}}
	}
}

// codeOfREST is the code of a status that a server of REST gives, which says
// something of the thing asked for, and not of the way there as in codeOfStatus.
func codeOfREST(status int) transport.Code {
	switch status {
	case http.StatusUnauthorized:
		return transport.CodeUnauthenticated
	case http.StatusForbidden:
		return transport.CodePermissionDenied
	case http.StatusNotFound, http.StatusGone:
		return transport.CodeNotFound
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return transport.CodeUnimplemented
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return transport.CodeDeadlineExceeded
	case http.StatusConflict:
		return transport.CodeAborted
	case http.StatusNotModified, http.StatusPreconditionFailed, http.StatusPreconditionRequired, http.StatusLocked, http.StatusFailedDependency:
		return transport.CodeFailedPrecondition
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests, http.StatusRequestHeaderFieldsTooLarge, http.StatusInsufficientStorage:
		return transport.CodeResourceExhausted
	case http.StatusRequestedRangeNotSatisfiable:
		return transport.CodeOutOfRange
	case 499:
		return transport.CodeCanceled
	case http.StatusBadRequest, http.StatusNotAcceptable, http.StatusLengthRequired, http.StatusRequestURITooLong,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return transport.CodeInvalidArgument
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		return transport.CodeUnavailable
	case http.StatusInternalServerError:
		return transport.CodeInternal
	}
	return transport.CodeUnknown
}
