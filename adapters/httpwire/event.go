package httpwire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"unicode/utf8"

	"github.com/polywire/polywire/transport"
)

const (
	ndjson      = "application/x-ndjson"
	eventStream = "text/event-stream"
)

// An event is one line of a stream: a message, an answer to a gather, or a word about
// one. The members are read here; an eventWriter writes them.
type event struct {
	N           uint64      `json:"n,omitempty"` // number in the stream, for settlement; only where credit was asked for
	Destination string      `json:"destination,omitempty"`
	Reply       bool        `json:"reply,omitempty"` // an answer is wanted
	Gather      bool        `json:"gather,omitempty"`
	Headers     http.Header `json:"headers,omitempty"`
	Body        *string     `json:"body,omitempty"`   // when it is printable UTF-8
	Body64      []byte      `json:"body64,omitempty"` // when it is not
	Error       *problem    `json:"error,omitempty"`  // of an answer to a gather, or why a stream ends
	Cancel      uint64      `json:"cancel,omitempty"` // the caller of message n gave up
	End         string      `json:"end,omitempty"`    // of a gather: "complete", or "deadline"
}

// printable reports whether a JSON string carries b as it is, and not at many times its size.
func printable(b []byte) bool {
	for _, c := range b {
		if c < 0x20 && c != '\n' && c != '\t' && c != '\r' {
			return false
		}
	}
	return utf8.Valid(b)
}

// envelope is the message or answer of v.
func (v *event) envelope(limit int) (*transport.Envelope, error) {
	e := &transport.Envelope{}
	e.Destination = v.Destination
	e.Body = v.Body64
	if v.Body != nil {
		e.Body = []byte(*v.Body)
	}
	if len(e.Body) > limit {
		return nil, tooLarge(limit)
	}
	h := make(http.Header, len(v.Headers))
	for name, values := range v.Headers {
		name = http.CanonicalHeaderKey(name)
		h[name] = append(h[name], values...)
	}
	if err := takeFields(h, e); err != nil {
		return nil, err
	}
	takeAccept(h, e)
	if v.Error != nil {
		e.Err = v.Error.error()
	}
	return e, nil
}

// An eventReader reads lines of at most limit bytes.
type eventReader struct {
	from  *bufio.Reader
	limit int
	alive func() // called for every sign of life
}

var errLine = errors.New("a line of the stream is longer than any message")

// next returns the next event. It passes over empty lines, which keep the connection alive.
func (r *eventReader) next() (*event, error) {
	for {
		line, err := r.line()
		if err != nil {
			return nil, err
		}
		r.alive()
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		v := &event{}
		if err := json.Unmarshal(line, v); err != nil {
			return nil, err
		}
		return v, nil
	}
}

func (r *eventReader) line() ([]byte, error) {
	part, err := r.from.ReadSlice('\n')
	if err == nil {
		return part, nil
	}
	var whole []byte
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(whole)+len(part) > r.limit {
			return nil, errLine
		}
		whole = append(whole, part...)
		r.alive()
		part, err = r.from.ReadSlice('\n')
	}
	return append(whole, part...), err
}

// maxLine is the longest line of a message: its body may double as a JSON string.
func maxLine(maxBody int) int { return 2*maxBody + 1<<20 }
