// Package stranger is an adapter that another module wrote, for a wire that polywire
// knows nothing of: a TCP hub that keeps queues and topics in memory. adapter.go is
// the adapter; hub.go, the system, and client.go, its client, import nothing of polywire.
//
// A frame is one line of JSON, and after it as many bytes of body as it says:
//
//	client                              hub
//	bind kind name group credit    ──▶  ok                 unbind ──▶ ok
//	send kind name fields + body   ──▶  ok, or err code
//	accept tag, release tag        ──▶                     (without an answer)
//	cancel id                      ──▶  err canceled       of a send that waits for room
//	ping, bye                      ──▶  ok
//	                               ◀──  deliver binding tag attempt fields + body
package stranger

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// Limits of a frame, which both sides hold against the other.
const (
	maxHead = 1 << 20
	maxBody = 16 << 20
)

type frame struct {
	Op      string      `json:"op"`
	ID      uint64      `json:"id,omitempty"` // of a call, which its answer repeats
	Kind    string      `json:"kind,omitempty"`
	Name    string      `json:"name,omitempty"`
	Group   string      `json:"group,omitempty"`
	Binding uint64      `json:"binding,omitempty"`
	Credit  int         `json:"credit,omitempty"`
	Tag     uint64      `json:"tag,omitempty"`
	Attempt int         `json:"attempt,omitempty"`
	Timeout int64       `json:"timeout,omitempty"` // nanoseconds that remain; 0 is for ever
	Waits   bool        `json:"waits,omitempty"`   // somebody waits for an answer: refuse what nobody takes
	Fields  [][2]string `json:"fields,omitempty"`
	Code    string      `json:"code,omitempty"`
	Text    string      `json:"text,omitempty"`
	Size    int         `json:"size,omitempty"` // of the body that follows
	body    []byte
}

// encode copies f and its body into bytes of their own.
func encode(f *frame) ([]byte, error) {
	f.Size = len(f.body)
	head, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	if len(head) > maxHead || f.Size > maxBody {
		return nil, fmt.Errorf("frame of %d and %d bytes: at most %d and %d", len(head), f.Size, maxHead, maxBody)
	}
	return bytes.Join([][]byte{head, f.body}, []byte("\n")), nil
}

func decode(r *bufio.Reader) (*frame, error) {
	line, err := r.ReadSlice('\n') // the reader's buffer is maxHead long
	if err != nil {
		return nil, err
	}
	f := new(frame)
	if err := json.Unmarshal(line, f); err != nil {
		return nil, err
	}
	if f.Size < 0 || f.Size > maxBody {
		return nil, fmt.Errorf("body of %d bytes: at most %d", f.Size, maxBody)
	}
	f.body = make([]byte, f.Size)
	_, err = io.ReadFull(r, f.body)
	return f, err
}
