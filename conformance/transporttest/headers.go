package transporttest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/polywire/polywire/transport"
)

func headerCases() []Case {
	return []Case{
		{ID: "T017", Group: "B", Sections: []string{"2.3"},
			Rule: "64 header fields of 1 to 256 bytes arrive equal and in order; a 65th, or more than 16 KiB, is refused.", Run: headerCount},
		{ID: "T018", Group: "B", Sections: []string{"2.3"},
			Rule: "Every printable ASCII character arrives equal as a header value.", Run: headerASCII},
		{ID: "T019", Group: "B", Sections: []string{"2.3"},
			Rule: "Spaces around and in a header value, and the empty value, arrive equal.", Run: headerSpaces},
		{ID: "T020", Group: "B", Sections: []string{"2.3"},
			Rule: "UTF-8 header values of all widths arrive equal.", Run: headerUTF8},
		{ID: "T021", Group: "B", Sections: []string{"2.1", "2.3"},
			Rule: "A header value with a control character is refused and nothing is sent.", Run: headerControls},
		{ID: "T022", Group: "B", Sections: []string{"2.1", "2.3"},
			Rule: "A header value that is not UTF-8 is refused and nothing is sent.", Run: headerInvalidUTF8},
		{ID: "T023", Group: "B", Sections: []string{"2.3"},
			Rule: "All 256 byte values arrive equal through a binary header.", Run: headerBinary},
		{ID: "T024", Group: "B", Sections: []string{"2.1", "2.3"},
			Rule: "Each one-byte header key is either carried in lower case or refused, the same everywhere.", Run: headerKeys},
		{ID: "T025", Group: "B", Sections: []string{"2.3"},
			Rule: "Header keys ignore case and read back in lower case.", Run: headerCase},
		{ID: "T026", Group: "B", Sections: []string{"2.3"},
			Rule: "Several values of one header key arrive as several, in order.", Run: headerMany},
		{ID: "T027", Group: "B", Sections: []string{"2.5"}, Needs: []string{"Request"},
			Rule: "Header, params and body are copied: what either side does to its own afterwards, the other does not see.", Run: headerOwned},
		{ID: "T028", Group: "B", Sections: []string{"2.3"},
			Rule: "Reserved header names are refused; every wire's own names arrive equal.", Run: headerReserved},
		{ID: "T029", Group: "B", Sections: []string{"2.3", "8.2"},
			Rule: "Reserved fields that a foreign peer forges are not taken from the wire.", Run: headerForged},
		{ID: "T031", Group: "B", Sections: []string{"2.0"}, Needs: []string{"Request"},
			Rule: "The trace context travels one hop, and no further unless somebody propagates it.", Run: tracePropagates},
	}
}

func withHeader(h transport.Header) *transport.Message {
	return &transport.Message{Header: h, Body: []byte("b")}
}

func headerCount(ctx context.Context, e *Env) error {
	c := newCarrier(ctx, e)
	var h transport.Header
	for i := range 64 {
		h.Add(fmt.Sprintf("x-%02d", i), strings.Repeat("v", 4*(i+1)))
	}
	if err := c.carry(ctx, withHeader(h), sameHeader(h)); err != nil {
		return err
	}
	h.Add("x-65", "")
	c.refused(ctx, withHeader(h), transport.CodeResourceExhausted, "65 header fields")
	var big transport.Header
	for i := range 4 {
		big.Add(fmt.Sprintf("big-%d", i), strings.Repeat("v", 4<<10))
	}
	c.refused(ctx, withHeader(big), transport.CodeResourceExhausted, "more than 16 KiB of header")
	return nil
}

func headerASCII(ctx context.Context, e *Env) error {
	c := newCarrier(ctx, e)
	for from := 0x20; from < 0x7f; from += 48 {
		var h transport.Header
		for b := from; b < min(from+48, 0x7f); b++ {
			h.Add(fmt.Sprintf("x-%02x", b), string(rune(b)))
		}
		if err := c.carry(ctx, withHeader(h), sameHeader(h)); err != nil {
			return err
		}
	}
	return nil
}

func headerSpaces(ctx context.Context, e *Env) error {
	c := newCarrier(ctx, e)
	var h transport.Header
	for i, v := range []string{"", " ", " lead", "trail ", " both ", "in  ner", "\u00a0nbsp\u00a0", "\"quoted\"", "a,b;c=d", "%41", "=?utf-8?q?x?="} {
		h.Add(fmt.Sprintf("x-%d", i), v)
	}
	return c.carry(ctx, withHeader(h), sameHeader(h))
}

func headerUTF8(ctx context.Context, e *Env) error {
	c := newCarrier(ctx, e)
	var h transport.Header
	for i, v := range []string{"Grüße", "Ω≈ç", "日本語", "😀🚕", "e\u0301", "שלום عليكم", "\u2028\u2029", "\ufeffbom", "\ufffd", "mixed ascii ü % \\ \""} {
		h.Add(fmt.Sprintf("x-%d", i), v)
	}
	return c.carry(ctx, withHeader(h), sameHeader(h))
}

func headerControls(ctx context.Context, e *Env) error {
	c := newCarrier(ctx, e)
	for b := range 0x80 {
		if b >= 0x20 && b != 0x7f {
			continue
		}
		var h transport.Header
		h.Set("x-control", "a"+string(rune(b))+"b")
		c.refused(ctx, withHeader(h), transport.CodeInvalidArgument, fmt.Sprintf("a value with %#02x", b))
	}
	return nil
}

func headerInvalidUTF8(ctx context.Context, e *Env) error {
	c := newCarrier(ctx, e)
	for _, v := range []string{"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80"} {
		var h transport.Header
		h.Set("x-text", v)
		c.refused(ctx, withHeader(h), transport.CodeInvalidArgument, fmt.Sprintf("the value %q", v))
	}
	return nil
}

func headerBinary(ctx context.Context, e *Env) error {
	c := newCarrier(ctx, e)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	var h transport.Header
	h.SetBinary("x-all-bin", all)
	h.SetBinary("x-none-bin", nil)
	err := c.carry(ctx, withHeader(h), func(got *transport.Message) error {
		b, err := got.Header.Binary("x-all-bin")
		if err != nil || !bytes.Equal(b, all) {
			return fmt.Errorf("the bytes arrived as %x (%v)", b, err)
		}
		if b, err := got.Header.Binary("X-None-Bin"); err != nil || len(b) != 0 {
			return fmt.Errorf("no bytes arrived as %x (%v)", b, err)
		}
		return nil
	})
	var bad transport.Header
	bad.Set("x-bin", "not base64!")
	c.refused(ctx, withHeader(bad), transport.CodeInvalidArgument, "text under a binary key")
	return err
}

func headerKeys(ctx context.Context, e *Env) error {
	c := newCarrier(ctx, e)
	var good, want transport.Header
	for b := range 256 {
		key := string([]byte{byte(b)})
		switch lower := strings.ToLower(key); {
		case b < 0x80 && strings.Contains("abcdefghijklmnopqrstuvwxyz0123456789", lower):
			good.Add(key, "v"+key)
			want.Add(lower, "v"+key)
		default:
			var h transport.Header
			h.Add(key, "v")
			c.refused(ctx, withHeader(h), transport.CodeInvalidArgument, fmt.Sprintf("the key %q", key))
		}
	}
	for _, key := range []string{"", "a b", "a:b", "a\nb", "ü", strings.Repeat("k", 129), "-a", ".a", "_a"} {
		var h transport.Header
		h.Add(key, "v")
		c.refused(ctx, withHeader(h), transport.CodeInvalidArgument, fmt.Sprintf("the key %.20q", key))
	}
	long := strings.Repeat("k", 128)
	want.Set(long, "long")
	good.Set(long, "long")
	good.Set("a", "a2") // replaces both a and A, and so goes to the end
	want.Set("a", "a2")
	return c.carry(ctx, withHeader(good), sameHeader(want))
}

func headerCase(ctx context.Context, e *Env) error {
	c := newCarrier(ctx, e)
	var h transport.Header
	h.Add("X-Mixed-Case", "1")
	h.Add("x-mixed-case", "2")
	return c.carry(ctx, withHeader(h), func(got *transport.Message) error {
		if v := got.Header.Values("X-MIXED-case"); !slices.Equal(v, []string{"1", "2"}) {
			return fmt.Errorf("the key holds %q, want both values", v)
		}
		for k := range got.Header.All() {
			if k != "x-mixed-case" {
				return fmt.Errorf("the key reads back as %q", k)
			}
		}
		return nil
	})
}

func headerMany(ctx context.Context, e *Env) error {
	c := newCarrier(ctx, e)
	var h transport.Header
	for _, f := range []field{{"x-a", "3"}, {"x-b", "x"}, {"x-a", "1"}, {"x-a", ""}, {"x-b", "y, z"}, {"x-a", "2"}} {
		h.Add(f.key, f.value)
	}
	return c.carry(ctx, withHeader(h), func(got *transport.Message) error {
		a, b := got.Header.Values("x-a"), got.Header.Values("x-b")
		if !slices.Equal(a, []string{"3", "1", "", "2"}) || !slices.Equal(b, []string{"x", "y, z"}) {
			return fmt.Errorf("the values arrived as %q and %q", a, b)
		}
		return nil
	})
}

// headerOwned defers the handler's look at its message until the caller has overwritten its own.
func headerOwned(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("owned")
	overwritten := make(chan struct{})
	in := newInbox(e)
	e.Handle(ctx, server, dest, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		select {
		case <-overwritten:
		case <-ctx.Done():
		}
		in.add(msg)
		msg.Header.Set("x-own", "the handler's")
		for i := range msg.Body {
			msg.Body[i] = 0xdd
		}
		return nil, nil
	})
	msg := &transport.Message{Destination: dest, Body: []byte("body"), Params: map[string][]string{"p": {"1"}}, ID: "owned"}
	msg.Header.Add("x-own", "1")
	msg.Header.Add("x-own", "2")
	f, err := client.RequestAsync(ctx, msg)
	e.Must(err, "request")
	copy(msg.Body, "XXXX")
	msg.Params["p"][0] = "X"
	msg.Header.Set("x-own", "X")
	msg.ID = "X"
	close(overwritten)
	_, err = f.Await(ctx)
	e.Must(err, "await")
	got := in.find("owned")
	if string(got.Body) != "body" || !slices.Equal(got.Header.Values("x-own"), []string{"1", "2"}) || got.Params.Get("p") != "1" {
		return fmt.Errorf("the handler saw what the caller wrote afterwards: %q, %q, %v", got.Body, got.Header.Values("x-own"), got.Params)
	}
	if string(msg.Body) != "XXXX" || msg.Header.Get("x-own") != "X" {
		return fmt.Errorf("the caller sees what the handler wrote: %q", msg.Body)
	}
	return nil
}

func headerReserved(ctx context.Context, e *Env) error {
	c := newCarrier(ctx, e)
	for _, key := range []string{
		"polywire-id", "polywire-call", "polywire-anything", "Polywire-Reply", "traceparent", "tracestate", "id", "source",
		"destination", "reply-to", "correlation-id", "content-type", "accept", "key", "params", "time", "timeout", "attempt",
	} {
		var h transport.Header
		h.Set(key, "x")
		c.refused(ctx, withHeader(h), transport.CodeInvalidArgument, "the reserved key "+key)
	}
	var h transport.Header
	for i, key := range []string{
		"content-length", "content-encoding", "transfer-encoding", "connection", "host", "date", "expect", "te", "trailer", "upgrade", "cookie", "user-agent",
		"authorization", "accept-encoding", "priority", "expiration", "message-id", "type", "app-id", "user-id", "timestamp", "headers", "delivery-mode", "x-death",
		"x-match", "cc", "bcc", "nats-msg-id", "nats-expected-stream", "grpc-timeout", "grpc-status", "receipt", "subscription", "ack", "selector", "status", "code", "error",
	} {
		h.Set(key, fmt.Sprintf("value %d", i))
	}
	return c.carry(ctx, withHeader(h), sameHeader(h))
}

// headerForged checks the one way into an Envelope that adapters have for what comes from a wire.
func headerForged(context.Context, *Env) error {
	for _, f := range []field{
		{"polywire-unknown", "x"}, {"polywire-", "x"}, {"Polywire-Admin", "true"}, {"destination", "x"}, {"attempt", "9"}, {"x-line", "a\r\nb"}, {"x y", "z"},
		{"polywire-timeout", "-1s"}, {"polywire-attempt", "-1"}, {"polywire-reply", "a\nb"}, {"polywire-call", strings.Repeat("c", 600)},
	} {
		var e transport.Envelope
		if e.SetField(f.key, f.value) || e.Header.Len() != 0 || e.ReplyAddress != "" || e.CallID != "" || e.Timeout != 0 {
			return fmt.Errorf("the forged field %q: %q was taken", f.key, f.value)
		}
	}
	return nil
}

func tracePropagates(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	const parent, state = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=a,other=b"
	first, second := e.Name("first"), e.Name("second")
	trace := func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		p, s := msg.Trace()
		return &transport.Message{Body: []byte(p + " " + s)}, nil
	}
	e.Handle(ctx, server, second, trace)
	e.Handle(ctx, server, first, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		own, _ := trace(ctx, msg)
		next, err := server.Request(ctx, &transport.Message{Destination: second})
		if err != nil {
			return nil, err
		}
		return &transport.Message{Body: append(append(own.Body, '|'), next.Body...)}, nil
	})
	msg := &transport.Message{Destination: first}
	msg.SetTrace(parent, state)
	reply, err := client.Request(ctx, msg)
	e.Must(err, "request")
	if want := parent + " " + state + "| "; string(reply.Body) != want {
		return fmt.Errorf("the two hops saw %q, want %q", reply.Body, want)
	}
	return nil
}
