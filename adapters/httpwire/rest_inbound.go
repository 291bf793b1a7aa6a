package httpwire

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/polywire/polywire/internal/fieldtext"
	"github.com/polywire/polywire/internal/httpstatus"
	"github.com/polywire/polywire/internal/rest"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

// rest serves a path that a rule gives to a destination.
func (v *visit) rest() error {
	m, err := v.n.a.rest.served.Match(v.r.Method, v.r.URL.EscapedPath(), v.r.URL.RawQuery)
	if err != nil {
		return v.unmatched(err)
	}
	e, err := v.restMessage(m)
	if err != nil {
		return err
	}
	ctx := v.within(e.Timeout)
	defer ctx.End()
	if v.respondsSoon() {
		return v.restSend(ctx, e)
	}
	reply, err := v.n.a.router.Request(ctx, e)
	if document := m.Destination == rest.OpenAPI || m.Destination == rest.TryIt; document && errors.Is(err, transport.ErrNoHandler) {
		err = transport.CodeNotFound.Errorf("this node describes nothing here: serve its documents with openapi.Serve")
	}
	if err != nil {
		return err
	}
	v.restReply(e, reply)
	return nil
}

// respondsSoon reports whether the visitor does not wait for the answer.
func (v *visit) respondsSoon() bool { return strings.Contains(v.r.Header.Get(prefer), respondSoon) }

// unmatched answers a request that no rule fits.
func (v *visit) unmatched(err error) error {
	wrong := new(rest.WrongMethod)
	switch {
	case errors.Is(err, rest.ErrNoPath) && !v.n.a.rest.some:
		return &transport.Error{Code: transport.CodeUnimplemented, Message: "no such path: use /request/, /send/, /publish/, /gather/, /subscribe/ and a destination, or /healthz"}
	case errors.Is(err, rest.ErrNoPath):
		return transport.CodeNotFound.Errorf("no such path")
	case errors.As(err, &wrong) && v.r.Method == http.MethodOptions:
		v.w.Header().Set("Allow", strings.Join(wrong.Allowed, ", "))
		v.write(http.StatusNoContent, nil)
		return nil
	case errors.As(err, &wrong):
		return &wrongMethod{strings.Join(wrong.Allowed, ", ")}
	}
	return invalid("%w", err)
}

// restMessage reads the message of a request that m fits.
func (v *visit) restMessage(m *rest.Match) (*transport.Envelope, error) {
	verb := access.Request
	if v.respondsSoon() {
		verb = access.Send
	}
	e, err := v.message(verb, m.Destination)
	switch {
	case err != nil:
		return nil, err
	case len(e.Body) > 0 && !m.Rule.Body():
		return nil, invalid("%s takes no body: say it in the path and the query", m.Rule)
	case len(e.Body) == 0:
		e.ContentType = "" // of nothing
	}
	if err := checkParams(m.Params); err != nil {
		return nil, err
	}
	e.Params = m.Params
	takeNative(v.r.Header.Values, e, ifMatch, ifNoneMatch)
	return e, nil
}

// checkParams holds the limits that a message has; the table has seen to the texts.
func checkParams(params url.Values) error {
	count, size := 0, 0
	for name, values := range params {
		for _, value := range values {
			count, size = count+1, size+len(name)+len(value)
		}
	}
	if count > maxParams || size > maxParamBytes {
		return transport.CodeResourceExhausted.Errorf("%d params of %d bytes in path and query: at most %d and %d", count, size, maxParams, maxParamBytes)
	}
	return nil
}

// Limits of Message.Params.
const (
	maxParams     = 64
	maxParamBytes = 8 << 10
)

// restSend takes a message whose sender does not wait for the answer.
func (v *visit) restSend(ctx context.Context, e *transport.Envelope) error {
	if err := v.n.a.router.SendNow(ctx, e); err != nil {
		if errors.Is(err, transport.CodeResourceExhausted) {
			v.w.Header()[reasonField] = []string{queueFull}
		}
		return err
	}
	v.w.Header()["Preference-Applied"] = []string{respondSoon}
	v.write(http.StatusAccepted, nil)
	return nil
}

// restReply answers with what the handler of e returned.
func (v *visit) restReply(e, reply *transport.Envelope) {
	h := v.w.Header()
	own := *reply
	own.ID, own.Responder, own.Time, own.Timeout = "", "", time.Time{}, 0 // as of any request
	tag := v.putNative(&own, etag)
	place := v.putNative(&own, location)
	if !ofOurs(v.r.Header) { // a stranger has no use for what ours tell each other
		own.Source, own.CorrelationID = "", ""
	}
	status, body := encodeReply(h, &own)
	switch {
	case own.Err != nil:
		status, body = v.restError(e, own.Err)
	case v.reads() && matches(e.Header.Get(ifNoneMatch.key()), tag):
		status, body = http.StatusNotModified, nil
		h.Del(contentType)
	case v.reads() && !accepts(v.r.Header.Values(accept), own.ContentType):
		h.Del(string(etag)) // of what is not sent
		status, body = v.restError(e, unacceptable(own.ContentType))
	case place != "" && !v.reads():
		status = http.StatusCreated
	case len(body) == 0 && own.ContentType == "":
		status = http.StatusNoContent
	}
	if v.reads() {
		h.Add("Vary", accept)
	}
	if e.Destination == rest.OpenAPI || e.Destination == rest.TryIt {
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "frame-ancestors 'self'")
		h.Set("Referrer-Policy", "no-referrer")
	}
	v.write(status, body)
}

// reads reports whether the request asks for something and changes nothing.
func (v *visit) reads() bool { return v.r.Method == http.MethodGet || v.r.Method == http.MethodHead }

// putNative moves a field of e to where HTTP has it, and returns its value; a value that HTTP cannot carry stays.
func (v *visit) putNative(e *transport.Envelope, f nativeField) string {
	value := e.Header.Get(f.key())
	if !fieldtext.Plain(value) || f == etag && !isTag(value) {
		return ""
	}
	e.Header = e.Header.Clone() // whose it was has it whole
	e.Header.Del(f.key())
	v.w.Header()[string(f)] = []string{value}
	return value
}

// isTag reports whether s is an entity tag, as "7" or W/"7" with its quotes.
func isTag(s string) bool {
	s = strings.TrimPrefix(s, "W/")
	return len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' && !strings.ContainsAny(s[1:len(s)-1], "\" ")
}

// restError is an error as REST tells it: what a condition of the request forbids is 412, and media types have statuses of their own.
func (v *visit) restError(e *transport.Envelope, failed *transport.Error) (int, []byte) {
	h, status := v.w.Header(), httpstatus.Of(failed.Code)
	conditional := e.Header.Has(ifMatch.key()) || e.Header.Has(ifNoneMatch.key())
	if conditional && (failed.Code == transport.CodeFailedPrecondition || failed.Code == transport.CodeAborted) {
		status = http.StatusPreconditionFailed
	}
	for _, d := range failed.Details {
		switch {
		case failed.Code != transport.CodeInvalidArgument:
		case d.Type == rest.DetailContentType:
			status = http.StatusUnsupportedMediaType
			if fieldtext.Plain(string(d.Data)) {
				h[accept] = []string{string(d.Data)}
			}
		case d.Type == rest.DetailAccept:
			status = http.StatusNotAcceptable
		}
	}
	return encodeProblem(h, failed, status)
}

func unacceptable(contentType string) *transport.Error {
	e := invalid("the answer is %.128s, which Accept does not take", contentType)
	e.Details = []transport.Detail{{Type: rest.DetailAccept, Data: []byte(contentType)}}
	return e
}

// accepts reports whether ranges, as of Accept, take a media type. None take all, and what has no type is taken.
func accepts(ranges []string, contentType string) bool {
	media, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	if media = strings.TrimSpace(media); media == "" || len(ranges) == 0 {
		return true
	}
	family, _, _ := strings.Cut(media, "/")
	best, taken := -1, false
	for one := range strings.SplitSeq(strings.Join(ranges, ","), ",") {
		name, params, _ := strings.Cut(strings.ToLower(one), ";")
		rank := 0
		switch strings.TrimSpace(name) {
		case "*/*":
		case family + "/*":
			rank = 1
		case media:
			rank = 2
		default:
			continue
		}
		if rank > best {
			best, taken = rank, !excluded(params)
		}
	}
	return taken
}

// excluded reports whether the params of a range give it weight 0.
func excluded(params string) bool {
	for p := range strings.SplitSeq(params, ";") {
		if w, ok := strings.CutPrefix(strings.TrimSpace(p), "q="); ok {
			return strings.Trim(w, "0.") == "" && w != ""
		}
	}
	return false
}
