package config

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

// Keys of access and of what stands in it.
var (
	accessKeys      = []string{"tokens", "certificates", "rules"}
	ruleKeys        = []string{"who", "may", "what", "transports"}
	credentialsKeys = []string{"token", "tokenfile", "insecure"}
)

// A guard is what access says of those who call this process.
type guard struct {
	position
	path   string
	proves access.Authenticator // nil knows nobody
	rules  []*accessRule

	tokens       string      // the file, as it was given
	certificates [][2]string // alternative names, and what was given for each, in the order of the file
}

type accessRule struct {
	position
	access.Rule
	transports []string // names; empty is all where peers call without a broker
}

// credentials are what a transport shows of this process.
type credentials struct {
	position
	path     string
	show     access.Credentials
	file     string // as it was given; empty for a token
	insecure bool
}

// access reads who may do what.
func (d *decoder) access(v *value, path string) {
	if v == nil || v.kind == null || !d.keys(v, path, accessKeys) {
		return
	}
	g := &guard{position: v.position, path: path}
	var proves []access.Authenticator
	if tokens := v.get("tokens"); tokens != nil {
		d.checked(tokens, path+".tokens", func(file string) error {
			g.tokens = file
			if !d.final {
				return nil
			}
			t, err := access.OpenTokens(d.inFolder(file))
			if err == nil {
				proves = append(proves, t)
			}
			return err
		})
	}
	if names := d.certificates(g, v.get("certificates"), path+".certificates"); names != nil {
		proves = append(proves, access.NewCertificates(names))
	}
	if len(proves) > 0 {
		g.proves = access.Either(proves...)
	}
	d.accessRules(g, v.get("rules"), path+".rules")
	if d.final {
		d.config.guard = g
	}
}

// inFolder makes a path of the file one of this process.
func (d *decoder) inFolder(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(d.expand.folder, file)
}

// certificates reads whom the names of certificates stand for, as "orders @services".
func (d *decoder) certificates(g *guard, v *value, path string) map[string]access.Identity {
	var names map[string]access.Identity
	for _, e := range d.named(v, path, checkAlternativeName) {
		at := join(path, e.key)
		text, ok := d.text(e.val, at, false)
		if !ok || !d.readable(e.val) {
			continue
		}
		words := strings.Fields(text)
		id := access.Identity{}
		for i, word := range words {
			group, isGroup := strings.CutPrefix(word, "@")
			if err := access.CheckWho(word); err != nil || isGroup != (i > 0) || word == access.Known || word == access.Everybody {
				d.add(e.val.position, at, "%s: write the name of an identity, and behind it \"@group\" for each of its groups", d.show(text))
				break
			}
			if i == 0 {
				id.Name = word
			} else {
				id.Groups = append(id.Groups, group)
			}
		}
		if names == nil {
			names = make(map[string]access.Identity)
		}
		names[e.key] = id
		g.certificates = append(g.certificates, [2]string{e.key, text})
	}
	return names
}

func checkAlternativeName(name string) error {
	for _, kind := range []string{"uri:", "dns:", "email:"} {
		if rest, ok := strings.CutPrefix(name, kind); ok && rest != "" {
			return nil
		}
	}
	return fmt.Errorf("%.64q is no alternative name of a certificate: write \"uri:…\", \"dns:…\" or \"email:…\"", name)
}

func (d *decoder) accessRules(g *guard, v *value, path string) {
	if v == nil || v.kind == null {
		return
	}
	if v.kind != list {
		d.add(v.position, path, "is %s: want a list of {who: […], may: […], what: […]}", v.kind)
		return
	}
	for i, item := range v.items {
		at := fmt.Sprintf("%s[%d]", path, i)
		if item.kind == null {
			d.add(item.position, at, "is empty: write a rule, or take the line away")
		} else if d.keys(item, at, ruleKeys) {
			g.rules = append(g.rules, d.accessRule(item, at))
		}
	}
	if len(v.items) > maxPatterns {
		d.add(v.position, path, "%d rules: at most %d; use wildcards", len(v.items), maxPatterns)
	}
}

func (d *decoder) accessRule(v *value, at string) *accessRule {
	r := &accessRule{position: v.position}
	for _, key := range ruleKeys[:3] {
		if d.final && (v.get(key) == nil || len(v.get(key).items) == 0 && v.get(key).kind == list) {
			d.add(v.position, at, "has no %s: a rule says who may do what, as {who: [orders], may: [request], what: [\"stock.>\"]}", key)
		}
	}
	d.each(v.get("who"), at+".who", func(_ *value, who, _ string) error {
		r.Who = append(r.Who, who)
		return access.CheckWho(who)
	})
	d.each(v.get("may"), at+".may", func(_ *value, verb, _ string) error {
		r.May = append(r.May, access.Verb(verb))
		var verbs []string
		for _, one := range access.Verbs() {
			verbs = append(verbs, string(one))
		}
		if !slices.Contains(verbs, verb) {
			return fmt.Errorf("unknown verb %s%s", d.show(verb), known(verb, verbs))
		}
		return nil
	})
	d.each(v.get("what"), at+".what", func(_ *value, pattern, _ string) error {
		r.What = append(r.What, pattern)
		return checkPattern(pattern)
	})
	d.each(v.get("transports"), at+".transports", func(_ *value, name, _ string) error {
		r.transports = append(r.transports, name)
		if !d.final {
			return nil
		}
		var names []string
		for _, w := range d.config.transports {
			names = append(names, w.name)
		}
		if !slices.Contains(names, name) {
			return fmt.Errorf("unknown transport %s%s", d.show(name), known(name, names))
		}
		return nil
	})
	return r
}

// guards makes the rules of every transport, once all else is right, and checks that somebody can be known whom they name.
func (d *decoder) guards() {
	g := d.config.guard
	if g == nil || len(d.found) > 0 {
		return
	}
	named := slices.ContainsFunc(g.rules, func(r *accessRule) bool {
		return slices.ContainsFunc(r.Who, func(who string) bool { return who != access.Everybody })
	})
	if named && g.proves == nil {
		d.add(g.position, g.path, "rules name identities, and nobody can prove to be one: give tokens, a file, or certificates")
	}
	if len(g.rules) == 0 && g.proves == nil {
		d.add(g.position, g.path, "says nothing: give rules, and tokens or certificates, or leave it out")
	}
	for _, w := range d.config.transports {
		rules, some := g.of(w)
		if !some {
			continue
		}
		var err error
		if w.rules, err = access.NewRules(rules...); err != nil {
			d.add(g.position, g.path+".rules", "%s", strings.TrimPrefix(err.Error(), "access: "))
			return
		}
	}
}

// of lists the rules that hold for w, and whether any do. Where a broker stands between
// peers, its own permissions say who may send; rules hold there that name the transport.
func (g *guard) of(w *wire) (rules []access.Rule, some bool) {
	some = w.asks() && len(g.rules) > 0 // without any, all who are known may do all but attach
	for _, r := range g.rules {
		if here := slices.Contains(r.transports, w.name); here || len(r.transports) == 0 && w.asks() {
			rules, some = append(rules, r.Rule), true
		}
	}
	return rules, some
}

// asks reports whether peers of w come to this process themselves, without a broker.
func (w *wire) asks() bool {
	return w.features.Acceptance == transport.Queued && !w.features.InProcess
}

// credentials reads what a transport shows; nil for nothing.
func (d *decoder) credentials(w *wire, v *value, path string) {
	in := v.get("credentials")
	path += ".credentials"
	if in == nil || in.kind == null || !d.keys(in, path, credentialsKeys) {
		return
	}
	c := &credentials{position: in.position, path: path}
	token, file := in.get("token"), in.get("tokenfile")
	if d.final && (token == nil) == (file == nil) {
		d.add(in.position, path, "want either token, as ${file:…}, or tokenfile, which is read again when it changes")
	}
	if token != nil {
		d.checked(token, path+".token", func(text string) error {
			d.config.secrets.addFile(text)
			c.show = access.BearerToken(text)
			if _, _, err := access.ParseBearer("Bearer " + text); err != nil {
				return errors.New("is no token: it has letters, digits and -._~+/ alone")
			}
			return nil
		})
	}
	if file != nil {
		d.checked(file, path+".tokenfile", func(text string) error {
			c.file, c.show = text, access.BearerFile(d.inFolder(text))
			return nil
		})
	}
	if insecure := in.get("insecure"); insecure != nil {
		d.checked(insecure, path+".insecure", func(text string) error {
			c.insecure = text == "true"
			if text != "true" && text != "false" {
				return fmt.Errorf("%s is neither true nor false", d.show(text))
			}
			return nil
		})
	}
	w.credentials = c
}

// encrypted reports whether all that w carries is: by convention the scheme then ends in s.
func (w *wire) encrypted() bool {
	u, err := url.Parse(w.url)
	return err == nil && strings.HasSuffix(u.Scheme, "s")
}

// checkCredentials refuses credentials where they would not be shown, or could be read on the way.
func (d *decoder) checkCredentials(w *wire) {
	c := w.credentials
	switch {
	case c == nil || w.features.Adapter == "":
	case w.features.InProcess:
		d.add(c.position, c.path, "%s calls nobody outside of this process: leave them out", w.features.Adapter)
	case !w.asks():
		d.add(c.position, c.path, "%s takes no credentials here: its URL has the user and the password", w.features.Adapter)
	case !w.encrypted() && !c.insecure:
		d.add(c.position, c.path, "would travel as plain text: use a URL with TLS, or say insecure: true where everybody on the way may read them")
	}
}

// policy is what transport.WithAccess is given for w; nil is none.
func (c *Config) policy(w *wire) *access.Policy {
	var p access.Policy
	if w.credentials != nil {
		p.Credentials, p.InsecureCredentials = w.credentials.show, w.credentials.insecure
	}
	if w.rules != nil {
		p.Authorizer = w.rules
	}
	if c.guard != nil && (w.rules != nil || w.asks()) {
		p.Authenticator = c.guard.proves
	}
	if p.Credentials == nil && p.Authorizer == nil && p.Authenticator == nil {
		return nil
	}
	return &p
}

// admitted puts the policy of w in front of opts, which may hold another.
func (c *Config) admitted(w *wire, opts []transport.Option) []transport.Option {
	p := c.policy(w)
	if p == nil {
		return opts
	}
	return append([]transport.Option{transport.WithAccess(*p)}, opts...)
}

// access says who may do what with a destination, or with what of a pattern no narrower rule fits, over w.
func (c *Config) access(w *wire, destination string) string {
	p := c.policy(w)
	if p == nil || p.Authenticator == nil && p.Authorizer == nil {
		return ""
	}
	var parts []string
	for _, verb := range access.Verbs() {
		var who []string
		if w.rules != nil {
			who = w.rules.Allowed(verb, destination)
		} else if verb != access.Handle { // for which the URL says attach
			who = []string{access.Known}
		}
		if len(who) > 0 {
			parts = append(parts, string(verb)+" by "+strings.Join(who, ", "))
		}
	}
	if parts == nil {
		return "nothing by anyone"
	}
	return strings.Join(parts, "; ")
}
