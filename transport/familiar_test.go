package transport

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestAMessageLikeOneThatPassedIsRefusedForWhatIsWrongInIt(t *testing.T) {
	const maxBody = 8
	var f familiar
	like := func() *Message {
		m := &Message{Destination: "trip.created", ContentType: "text/plain", Body: []byte("hello")}
		m.Header.Set("tenant", "acme")
		m.Header.Set("region", "eu")
		return m
	}
	if err := f.check(like(), maxBody); err != nil || !f.last.Load().passes(like()) {
		t.Fatalf("%v: the first message is not remembered", err)
	}
	long := strings.Repeat("x", 200)
	for name, spoil := range map[string]func(m *Message){
		"destination":        func(m *Message) { m.Destination = "trip created" },
		"reply-to":           func(m *Message) { m.ReplyTo = "trip." },
		"id":                 func(m *Message) { m.ID = long },
		"correlation id":     func(m *Message) { m.CorrelationID = "a\x00" },
		"key":                func(m *Message) { m.Key = long + long },
		"content type":       func(m *Message) { m.ContentType = "text/plain\n" },
		"accept":             func(m *Message) { m.Accept = "a\x7f" },
		"traceparent":        func(m *Message) { m.SetTrace("\xff", "") },
		"body":               func(m *Message) { m.Body = make([]byte, maxBody+1) },
		"params":             func(m *Message) { m.Params = url.Values{"a b": {"c"}} },
		"a value":            func(m *Message) { m.Header.Set("region", "eu\n") },
		"a value in place":   func(m *Message) { m.Header.fields[1].value = "\r" },
		"a key in place":     func(m *Message) { m.Header.fields[0].key = "Tenant" },
		"one field more":     func(m *Message) { m.Header.Add("a key", "v") },
		"a field for nobody": func(m *Message) { m.Header.Add("traceparent", "v") },
	} {
		m := like()
		spoil(m)
		want := m.check(maxBody)
		if got := f.check(m, maxBody); want == nil || got == nil || got.Error() != want.Error() || !errors.Is(got, codeOf(want)) {
			t.Errorf("%s: got %v, want %v as of a message alone", name, got, want)
		}
	}
}

func TestAMessageThatPassedIsForgottenForOnesThatDiffer(t *testing.T) {
	var f familiar
	for i := range 2 * missesForOne {
		m := &Message{Destination: "trip.created"}
		m.Header.Set("number", strings.Repeat("x", i))
		if err := f.check(m, 0); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(f.last.Load().fields[0].value); got != missesForOne {
		t.Errorf("message %d is remembered, want %d, the last of which %d differed", got, missesForOne, missesForOne)
	}
}

func TestTextIsUTF8WithoutControlCharactersWhereverTheyStand(t *testing.T) {
	for at := range 20 {
		before, after := strings.Repeat("a", at), strings.Repeat("~", 20-at)
		for s, want := range map[string]bool{
			" ": true, "\x1f": false, "\x00": false, "\n": false, "\x7f": false, "\u0080": true, "ü": true, "\U0001F600": true,
			"\x80": false, "\xff": false, "\xc3": false, "ü\n": false, "\xed\xa0\x80": false,
		} {
			if text := before + s + after; validText(text) != want {
				t.Errorf("%q: got %v, want %v", text, !want, want)
			}
		}
	}
}
