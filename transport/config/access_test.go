package config_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polywire/polywire/adapters/all"
	"github.com/polywire/polywire/adapters/httpwire"
	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
	"github.com/polywire/polywire/transport/config"
)

// guarding has every key of access and of credentials.
const guarding = `
version: 1
transports:
  edge:
    url: "http://"
    codec: json
    credentials: {tokenfile: token, insecure: true}
  events: {url: "kafka://localhost", codec: json}
defaults: {transport: edge}
services:
  stock: {owns: ["stock.>"], listen: "127.0.0.1:18345", endpoints: ["127.0.0.1:18345"]}
routes: {"news.>": {transport: events}}
access:
  tokens: tokens
  certificates: {"uri:spiffe://example.org/orders": "orders @services", "dns:audit.example.org": audit}
  rules:
    - {who: ["@services"], may: [request, subscribe], what: ["stock.>"]}
    - {who: [audit], may: [request, handle], what: [stock.audit]}
    - {who: [anyone], may: [request], what: [stock.ping], transports: [edge]}
    - {who: [anyone], may: [publish], what: ["news.>"], transports: [events]}
`

// parseGuarding parses text with a file of tokens beside it, in which orders has token.
func parseGuarding(t *testing.T, text, token string, change func(*config.Options)) (*config.Config, error) {
	t.Helper()
	dir := t.TempDir()
	hash, err := access.HashToken(token)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"tokens": "orders " + hash + " @services\n", "token": token + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := options(t)
	o.Registry = all.Registry()
	if change != nil {
		change(&o)
	}
	return config.Parse(filepath.Join(dir, "system.yaml"), []byte(text), o)
}

func TestTheFileSaysWhoMayDoWhat(t *testing.T) {
	token := access.NewToken()
	l, err := net.Listen("tcp", "127.0.0.1:0") // for a port that is free
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	text := strings.ReplaceAll(guarding, "127.0.0.1:18345", l.Addr().String())
	text = strings.Replace(text, `  events: {url: "kafka://localhost", codec: json}
`, "", 1)
	text = strings.Replace(text, `routes: {"news.>": {transport: events}}
`, "", 1)
	text = strings.Replace(text, `    - {who: [anyone], may: [publish], what: ["news.>"], transports: [events]}
`, "", 1)
	only := func(o *config.Options) { o.Registry = transport.NewRegistry(httpwire.Factory(), inproc.Factory()) }
	home, err := parseGuarding(t, text, token, func(o *config.Options) { only(o); o.Service = "stock" })
	if err != nil {
		t.Fatal(err)
	}
	known, err := parseGuarding(t, text, token, func(o *config.Options) { only(o); o.Client = true })
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := parseGuarding(t, strings.Replace(text, "credentials: {tokenfile: token, insecure: true}", "credentials: null", 1), token, func(o *config.Options) { only(o); o.Client = true })
	if err != nil {
		t.Fatal(err)
	}
	open := func(c *config.Config) *config.Bus {
		b, err := c.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close() })
		return b
	}
	bus := open(home)
	for _, d := range []string{"stock.count", "stock.audit", "stock.ping"} {
		if _, err := bus.Handle(t.Context(), d, func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
			if p := access.Peer(ctx); p != nil {
				return &transport.Message{Body: []byte(p.Name)}, nil
			}
			return &transport.Message{Body: []byte("a stranger")}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	friend, other := open(known), open(stranger)
	for _, c := range []struct {
		who  *config.Bus
		name string
		dest string
		want string
		code transport.Code
	}{
		{friend, "orders", "stock.count", "orders", 0}, {friend, "orders", "stock.ping", "orders", 0}, {friend, "orders", "stock.audit", "", transport.CodePermissionDenied},
		{other, "a stranger", "stock.count", "", transport.CodeUnauthenticated}, {other, "a stranger", "stock.ping", "a stranger", 0},
		{bus, "the process itself", "stock.audit", "stock", 0},
	} {
		reply, err := c.who.Request(t.Context(), &transport.Message{Destination: c.dest})
		if c.code != 0 {
			if !errors.Is(err, c.code) {
				t.Errorf("%s requests %s: got %v, want %v", c.name, c.dest, err, c.code)
			}
			continue
		}
		if err != nil || string(reply.Body) != c.want {
			t.Errorf("%s requests %s: got %v, %v, want %q", c.name, c.dest, reply, err, c.want)
		}
	}
}

func TestARouteTellsWhoMayUseIt(t *testing.T) {
	c, err := parseGuarding(t, guarding, access.NewToken(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for destination, want := range map[string]string{
		"stock.count": "request by @services; subscribe by @services",
		"stock.audit": "request by audit; subscribe by @services; handle by audit",
		"other":       "nothing by anyone",
		"news.today":  "publish by anyone",
	} {
		if got := c.Route(destination).Access; got != want {
			t.Errorf("%s: got %q, want %q", destination, got, want)
		}
	}
	weaker, err := parseGuarding(t, strings.Replace(guarding, "what: [stock.audit]", "what: [stock.books]", 1), access.NewToken(), nil)
	if err != nil {
		t.Fatal(err)
	}
	text := config.Explain(c, weaker).String()
	for _, want := range []string{"peers may request by @services; subscribe by @services, where it was request by audit; ", "peers may request by audit; subscribe by @services; handle by audit, where it was request by @services"} {
		if !strings.Contains(text, want) {
			t.Errorf("a rule went from one destination to another: got\n%s\nwant in it %s", text, want)
		}
	}
	known, err := parseGuarding(t, guarding[:strings.Index(guarding, "  rules:")], access.NewToken(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := known.Route("stock.count").Access, "request by *; send by *; publish by *; gather by *; subscribe by *"; got != want {
		t.Errorf("without rules: got %q, want %q", got, want)
	}
	if got := known.Route("news.today").Access; got != "" {
		t.Errorf("behind a broker without rules: got %q", got)
	}
	denied, err := parseGuarding(t, strings.Replace(guarding, `may: [publish], what: ["news.>"]`, `may: [send], what: ["news.>"]`, 1), access.NewToken(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if text := config.Explain(c, denied).String(); !strings.Contains(text, "access: peers may send by anyone, where it was publish by anyone") {
		t.Errorf("got\n%s", text)
	}
}

func TestTheTextOfAConfigKeepsWhoMayDoWhat(t *testing.T) {
	token := access.NewToken()
	withToken := strings.Replace(guarding, "credentials: {tokenfile: token, insecure: true}", "credentials: {token: \"${file:token}\", insecure: true}", 1)
	c, err := parseGuarding(t, withToken, token, nil)
	if err != nil {
		t.Fatal(err)
	}
	text := c.String()
	for _, want := range []string{`
    credentials:
      token: xxxxx
      insecure: true
`, `
access:
  tokens: tokens
  certificates:
    uri:spiffe://example.org/orders: orders @services
    dns:audit.example.org: audit
  rules:
    - {who: ["@services"], may: ["request", "subscribe"], what: ["stock.>"]}
    - {who: ["audit"], may: ["request", "handle"], what: ["stock.audit"]}
    - {who: ["anyone"], may: ["request"], what: ["stock.ping"], transports: ["edge"]}
    - {who: ["anyone"], may: ["publish"], what: ["news.>"], transports: ["events"]}
`} {
		if !strings.Contains(text, want) || strings.Contains(text, token) {
			t.Errorf("got\n%s\nwant in it\n%s", strings.ReplaceAll(text, token, "THE TOKEN"), want)
		}
	}
	again, err := parseGuarding(t, text, token, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.String(); got != text {
		t.Errorf("read again, it is\n%s", got)
	}
	fromFile, err := parseGuarding(t, guarding, token, nil)
	if err != nil || !strings.Contains(fromFile.String(), "tokenfile: token\n") {
		t.Errorf("got %v,\n%s", err, fromFile)
	}
}

func TestMistakesOfAccess(t *testing.T) {
	const base = "version: 1\ntransports:\n  a: {url: \"http://localhost:1\", codec: json}\n"
	for name, c := range map[string]struct{ file, want string }{
		"a verb":                {base + "access:\n  tokens: tokens\n  rules: [{who: [a], may: [reqest], what: [x]}]\n", `system.yaml:6:28: access.rules[0].may[0]: unknown verb "reqest" (known: gather, handle, publish, request, send, subscribe); did you mean "request"?`},
		"a pattern":             {base + "access:\n  tokens: tokens\n  rules: [{who: [a], may: [send], what: [\"x.>.y\"]}]\n", `system.yaml:6:42: access.rules[0].what[0]: pattern "x.>.y": > stands for the rest and comes last`},
		"a name":                {base + "access:\n  tokens: tokens\n  rules: [{who: [\"@\"], may: [send], what: [x]}]\n", `system.yaml:6:18: access.rules[0].who[0]: "@" is no name of an identity`},
		"a transport":           {base + "access:\n  tokens: tokens\n  rules: [{who: [a], may: [send], what: [x], transports: [aa]}]\n", `system.yaml:6:59: access.rules[0].transports[0]: unknown transport "aa" (known: a); did you mean "a"?`},
		"a key":                 {base + "access:\n  tokens: tokens\n  rule: []\n", `system.yaml:6:3: access: unknown key "rule" (known: certificates, rules, tokens); did you mean "rules"?`},
		"a rule of nobody":      {base + "access:\n  tokens: tokens\n  rules: [{may: [send], what: [x]}]\n", `system.yaml:6:11: access.rules[0]: has no who`},
		"an empty rule":         {base + "access:\n  tokens: tokens\n  rules: [null]\n", `system.yaml:6:11: access.rules[0]: is empty: write a rule`},
		"a tie":                 {base + "access:\n  tokens: tokens\n  rules:\n  - {who: [a], may: [send], what: [\"x.*\"]}\n  - {who: [b], may: [send], what: [\"*.y\"]}\n", `access.rules: "x.*" and "*.y" tie for send of x.y`},
		"no way to be known":    {base + "access:\n  rules: [{who: [a], may: [send], what: [x]}]\n", `system.yaml:5:3: access: rules name identities, and nobody can prove to be one`},
		"nothing":               {base + "access: {}\n", `access: says nothing`},
		"no file of tokens":     {base + "access: {tokens: nowhere}\n", `system.yaml:4:18: access.tokens: access: tokens: `},
		"a certificate":         {base + "access: {certificates: {\"CN=x\": a}}\n", `access.certificates["CN=x"]: "CN=x" is no alternative name`},
		"a stranger as one":     {base + "access: {certificates: {\"dns:x\": anyone}}\n", `access.certificates["dns:x"]: "anyone": write the name of an identity`},
		"credentials in clear":  {"version: 1\ntransports:\n  a: {url: \"http://localhost:1\", codec: json, credentials: {token: \"the-secret\"}}\n", `transports.a.credentials: would travel as plain text`},
		"credentials twice":     {"version: 1\ntransports:\n  a: {url: \"https://localhost:1\", codec: json, credentials: {token: abc, tokenfile: token}}\n", `transports.a.credentials: want either token`},
		"credentials of others": {"version: 1\ntransports:\n  a: {url: \"kafkas://localhost:1\", codec: json, credentials: {token: abc}}\n", `kafka takes no credentials here`},
		"credentials in one":    {"version: 1\ntransports:\n  a: {url: \"inproc://\", codec: json, credentials: {token: abc}}\n", `inproc calls nobody outside of this process`},
		"a token of words":      {"version: 1\ntransports:\n  a: {url: \"https://localhost:1\", codec: json, credentials: {token: \"the secret\"}}\n", `transports.a.credentials.token: is no token`},
	} {
		_, err := parseGuarding(t, c.file, access.NewToken(), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got\n%v\nwant\n%s", name, err, c.want)
		}
	}
}

func TestCredentialsOfTheFileAreNeverShown(t *testing.T) {
	file := "version: 1\ntransports:\n  a: {url: \"https://localhost:1\", codec: json, credentials: {token: \"${file:token}\"}}\n"
	token := access.NewToken()
	c, err := parseGuarding(t, file, token, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Open(t.Context())
	if shown := fmt.Sprintf("%v %+v %#v %v", err, c.Route("x"), c.Route("x"), config.Explain(c, c)); strings.Contains(shown, token) || err == nil {
		t.Errorf("got %s", strings.ReplaceAll(shown, token, "THE TOKEN"))
	}
}
