package grpcwire

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/google/go-cmp/cmp"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/transport"
)

func pairs(e *transport.Envelope) [][2]string {
	var all [][2]string
	for k, v := range e.Fields() {
		all = append(all, [2]string{k, v})
	}
	return all
}

func FuzzMetadataIsTakenAndGivenBack(f *testing.F) {
	f.Add("tenant", "x", "sig-bin", "\x00\x01", "polywire-header", "a=%0,b=c%2C")
	f.Add("polywire-message", "id,src,1767323045000000000,1500,b,a", "b", "x", "polywire-param", "a=b")
	f.Add("polywire-message", "id,src", "polywire-order", "b,a", "polywire-idempotent", "1")
	f.Add("polywire-message", "\x1c,c1,0,4500007673231500,b,a", "c", "\x91", "polywire-param", "a]b")
	f.Add("polywire-reply", "x", "polywire-code", "internal", "grpc-status", "3")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2, k3, v3 string) {
		md := metadata.MD{strings.ToLower(k1): {v1}, strings.ToLower(k2): {v2, v1}, strings.ToLower(k3): {v3}}
		e := &transport.Envelope{}
		if takeFields(md, nil, e) != nil {
			return
		}
		if e.Destination != "" || e.ReplyAddress != "" || e.CallID != "" || e.Err != nil || e.Attempt != 0 || e.Gather {
			t.Errorf("%q forged %q", md, pairs(e))
		}
		var h head // what was taken can be written
		h.put(e)
		if h.ours {
			h.add(messageKey, h.message(e, e.Timeout))
		}
		again := &transport.Envelope{}
		if err := takeFields(metadata.Pairs(h.before...), nil, again); err != nil {
			t.Fatal(err)
		}
		if e.ID == "" {
			again.Source, again.Time, again.Timeout, e.Source, e.Time, e.Timeout = "", time.Time{}, 0, "", time.Time{}, 0 // only a message with an id tells them
		}
		if d := cmp.Diff(pairs(e), pairs(again)); d != "" && len(e.Params) < 2 { // names of params have no order
			t.Errorf("%q by way of %q: %s", md, h.before, d)
		}
	})
}

func FuzzMessagesOfTheBus(f *testing.F) {
	e := &transport.Envelope{Err: &transport.Error{Code: transport.CodeNotFound, Message: "m", RetryAfter: time.Second, Details: []transport.Detail{{Type: "t", Data: []byte{1}}}}}
	e.Destination, e.ContentType, e.Body, e.ID = "a.b", "x/y", []byte("body"), "id"
	e.Header.Set("tenant", "x")
	f.Add(appendMessage(nil, e))
	f.Add(appendTold(nil, &attach.Settlement{Accept: []uint64{1, 300}, Release: []uint64{2}, Silent: []uint64{3}, Stop: true}))
	f.Add(appendBytes(nil, attachingOpen, appendOpening(nil, &transport.Binding{Kind: transport.KindQueue, Pattern: "a", Group: "g", Credit: 7})))
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = readOpening(b)
		_, _ = readDelivery(b)
		_ = readRetryInfo(b)
		if s, _, err := readTold(b); err == nil && len(s.Accept)+len(s.Release)+len(s.Silent) > len(b) {
			t.Errorf("%d bytes settle %d messages", len(b), len(s.Accept)+len(s.Release)+len(s.Silent))
		}
		e, err := readMessage(b)
		if err != nil {
			return
		}
		if e.ReplyAddress != "" || e.CallID != "" || e.Attempt != 0 || e.Gather {
			t.Errorf("%x forged %q", b, pairs(e))
		}
		again, err := readMessage(appendMessage(nil, e))
		if err != nil || again.Destination != e.Destination || !bytes.Equal(again.Body, e.Body) || again.Header.Len() != e.Header.Len() {
			t.Errorf("%x: got %q, %v again", b, pairs(again), err)
		}
	})
}

func TestStatusesBringErrorsBack(t *testing.T) {
	for _, want := range []*transport.Error{
		{Code: transport.CodeAborted, Message: "again", RetryAfter: 1500 * time.Microsecond},
		{Code: transport.CodeDataLoss, Details: []transport.Detail{{Type: "a/b", Data: []byte{0}}, {Type: "c", Data: nil}}},
	} {
		s, trailer := statusOf(want, true)
		got := errorOf(status.FromProto(s), trailer)
		if got.Code != want.Code || got.Message != want.Message || got.RetryAfter != want.RetryAfter || len(got.Details) != len(want.Details) {
			t.Errorf("got %#v, want %#v", got, want)
		}
	}
	if got := codeOf(codes.Code(77)); got != transport.CodeUnknown {
		t.Errorf("code 77 is %v, want unknown", got)
	}
}
