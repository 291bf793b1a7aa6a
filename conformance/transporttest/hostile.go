package transporttest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/polywire/polywire/transport"
)

func hostileCases() []Case {
	return []Case{
		{ID: "T186", Group: "O", Sections: []string{"2.1", "2.2"},
			Rule: "Hostile destinations are refused with InvalidArgument, without I/O.", Run: hostileDestinations},
		{ID: "T187", Group: "O", Sections: []string{"2.2"}, Needs: []string{"Publish"},
			Rule: "Destinations that are alike but not equal stay apart, and come out of the wire as they went in.", Run: destinationsInjective},
		{ID: "T175", Group: "O", Sections: []string{"8.3", "2.3"},
			Rule: "Headers of a thousand times the limits are refused without being written.", Run: hugeHeaders},
	}
}

func hostileNames() []string {
	return []string{
		"", ".", "..", "...", "a.", ".a", "a..b", "a/../b", "../a", "a/b", "/a", "a\\b", "%2e%2e", "a%2fb", "a%252fb", "a%00b", "a\x00b", "\x00",
		"a b", " a", "a ", "a\tb", "a\nb", "a\r\nb", "a\r\nHost: x", "a\x1b[2J", "a\x7f", "*", "a.*", "*.a", ">", "a.>", "a.>.b", "a*", "a>b", "#", "a.#", "$SYS", "$SYS.x",
		"_INBOX.>", "amq.*", "http://127.0.0.1/x", "//x", "?x", "a?x=1", "a#b", "a&b", "a;b", "a:b", "a,b", "a=b", "a@b", "a+b", "a'b", "a\"b", "a`b", "a|b", "a{b}", "a[b]", "a(b)", "a~b", "a!b", "a^b",
		"ä", "a\u00a0b", "\u202ea", "日本", "\xff", "a\xc0\xafb", "\xed\xa0\x80", "a\u2024b", "ａ", "\ufeffa", strings.Repeat("a", 181), strings.Repeat("a.", 90) + "a", strings.Repeat("a", 1<<20),
	}
}

func hostileDestinations(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	for _, name := range hostileNames() {
		msg := &transport.Message{Destination: name}
		_, requestErr := client.Request(ctx, msg)
		_, handleErr := server.Handle(ctx, name, nothing)
		errs := map[string]error{"Send": client.Send(ctx, msg), "Publish": client.Publish(ctx, msg), "Request": requestErr, "Handle": handleErr}
		for verb, err := range errs {
			if e.undeclared(verb) {
				continue
			}
			if problem := wrongCode(err, transport.CodeInvalidArgument); problem != "" {
				e.Errorf("%s to %.40q: %s", verb, name, problem)
			} else if len(err.Error()) > 1024 || strings.ContainsAny(err.Error(), "\x00\r\n\x1b") {
				e.Errorf("%s to %.40q: the error is not quoted and cut: %.100q", verb, name, err)
			}
		}
	}
	return nil
}

// undeclared reports whether a verb has no feature.
func (e *Env) undeclared(verb string) bool {
	if verb == "Handle" {
		return !e.Features.Send && !e.Features.Request
	}
	return !e.Features.Has(verb)
}

func destinationsInjective(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	names := []string{
		"a.b", "a_b", "a-b", "ab", "a.B", "A.b", "a.b.c", "a_b_c", "a-b.c", "a.b_c", "a.b-c", "a__b", "a--b", "a-_b", "a_-b", "_a", "-a", "a_", "a-", "x2e", "a.x2e.b", "a_2eb", "a-2eb", "dead", "pub", "reply", "pub.a", "dead.a",
	}
	const alphabet = "abcXYZ019_-."
	random := rand.New(rand.NewPCG(7, 7))
	for len(names) < e.Count(100) {
		b := make([]byte, 1+random.IntN(30))
		for i := range b {
			b[i] = alphabet[random.IntN(len(alphabet))]
		}
		if transport.CheckDestination(string(b)) == nil {
			names = append(names, string(b))
		}
	}
	in := newInbox(e)
	want := map[string]bool{}
	for _, n := range names {
		name := e.Name(n)
		if !want[name] && !e.Features.Wildcards {
			e.Subscribe(ctx, server, name, in.handle)
		}
		want[name] = true
	}
	if e.Features.Wildcards {
		e.Subscribe(ctx, server, e.Name(">"), in.handle)
	}
	for name := range want {
		e.Must(client.Publish(ctx, &transport.Message{Destination: name, Body: []byte(name)}), "publish")
	}
	in.wait(len(want))
	e.Pause(e.Tick / 10)
	for _, m := range in.all() {
		if m.Destination != string(m.Body) {
			e.Errorf("what was published to %s came as %s", m.Body, m.Destination)
		}
	}
	if n := in.len(); n != len(want) {
		return fmt.Errorf("%d messages came for %d destinations: some met", n, len(want))
	}
	return nil
}

func hugeHeaders(ctx context.Context, e *Env) error {
	c := newCarrier(ctx, e)
	var count, size transport.Header
	for i := range 64000 {
		count.Add(fmt.Sprintf("x-%d", i), "v")
	}
	size.Set("x-size", text(16<<20))
	before := heap()
	c.refused(ctx, withHeader(count), transport.CodeResourceExhausted, "64000 header fields")
	c.refused(ctx, withHeader(size), transport.CodeResourceExhausted, "16 MiB of header")
	if grown := heap() - before; grown > 1<<20 {
		return fmt.Errorf("the heap grew by %d KiB", grown>>10)
	}
	return c.carry(ctx, &transport.Message{Body: []byte("still works")}, sameBody([]byte("still works")))
}
