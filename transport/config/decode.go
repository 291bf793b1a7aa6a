package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/endpoints"
)

// maxPatterns bounds the routes of a file, and what its services own.
const maxPatterns = 1000

// Keys of the mappings of a file.
var (
	documentKeys  = []string{"version", "transports", "services", "defaults", "routes", "access", "profiles"}
	profileKeys   = []string{"transports", "services", "defaults", "routes", "access"}
	transportKeys = []string{"url", "codec", "compress", "credentials"}
	serviceKeys   = []string{"owns", "listen", "endpoints", "paths"}
	routeKeys     = []string{"transport", "codec", "timeout"}
)

// A decoder turns the document into a Config in two passes: lint reads the base
// and every profile for keys and kinds, also those that are not chosen; the
// final pass reads the chosen whole, expands it and resolves its names.
type decoder struct {
	problems
	config *Config
	expand expander
	final  bool
}

func (d *decoder) document(root *value) {
	d.keys(root, "", documentKeys)
	d.sections(root, "")
	profiles := root.get("profiles")
	for _, e := range d.named(profiles, "profiles", nil) {
		path := join("profiles", e.key)
		d.config.profiles = append(d.config.profiles, e.key)
		if d.keys(e.val, path, profileKeys) {
			d.sections(e.val, path)
		}
	}
	merged := root
	if want := d.config.options.Profile; want != "" {
		over := profiles.get(want)
		if over == nil {
			at := position{1, 1}
			if profiles != nil {
				at = profiles.position
			}
			d.add(at, "profiles", "unknown profile %s%s", d.show(want), known(want, d.config.profiles))
			return
		}
		merged = merge(root, over)
	}
	d.final = true
	d.config.secrets = secrets{}
	d.version(merged)
	d.sections(merged, "")
	d.services()
	d.guards()
	if len(d.found) == 0 {
		d.contractPaths()
	}
	if d.config.fallback != nil {
		d.routeTies()
		d.homes()
	}
}

// sections reads what the document and its profiles have in common.
func (d *decoder) sections(v *value, under string) {
	at := func(key string) string {
		if under == "" {
			return key
		}
		return under + "." + key
	}
	d.transports(v, at("transports"))
	d.serviceTable(v.get("services"), at("services"))
	d.routes(v, at)
	d.access(v.get("access"), at("access"))
}

func (d *decoder) version(v *value) {
	version := v.get("version")
	if version == nil {
		d.add(position{1, 1}, "version", "is missing: begin the file with version: 1")
		return
	}
	if text, ok := d.text(version, "version", false); ok && text != "1" {
		d.add(version.position, "version", "is %s: this program reads version 1", d.show(text))
	}
}

func (d *decoder) transports(v *value, path string) {
	all := v.get("transports")
	for _, e := range d.named(all, path, checkName) {
		at := join(path, e.key)
		if !d.keys(e.val, at, transportKeys) {
			if d.final && e.val.kind == null { // else a file could name transports and have none
				d.add(e.position, at, "is empty: say where the transport is, as {url: %q}", "amqp://localhost:5672")
			}
			continue
		}
		w := &wire{position: e.position, name: e.key}
		w.codec, w.compress = d.codec(e.val, at), d.compression(e.val, at)
		d.credentials(w, e.val, at)
		if d.url(w, e.val, at+".url") && d.final {
			d.checkCredentials(w)
			d.config.transports = append(d.config.transports, w)
		}
	}
	if d.final && (all == nil || len(all.entries) == 0) {
		d.add(position{1, 1}, path, "there is none: name at least one, as bus: {url: \"inproc://\"}")
	}
}

// url reads the URL of w and asks its adapter for the features. It reports
// whether w can be referred to, which a wrong URL does not prevent.
func (d *decoder) url(w *wire, v *value, path string) bool {
	raw := v.get("url")
	if raw == nil {
		if d.final {
			d.add(w.position, path, "is missing: say where the transport is, as %q", "amqp://localhost:5672")
		}
		return true
	}
	text, ok := d.text(raw, path, true)
	if !ok || !d.readable(raw) {
		return true
	}
	w.url = text
	d.config.secrets.addURL(text)
	if err := d.features(w); err != nil {
		d.add(raw.position, path, "%s", err)
	}
	return true
}

func (d *decoder) features(w *wire) error {
	u, err := url.Parse(w.url)
	if err != nil {
		return errors.New("does not parse (it is not shown, for it may hold a password): use scheme://host:port, and escape special characters")
	}
	schemes := d.config.options.Registry.Schemes()
	switch {
	case u.Scheme == "":
		return fmt.Errorf("%s has no scheme: begin with one of %s, as %q", d.show(w.url), strings.Join(schemes, ", "), "inproc://")
	case !slices.Contains(schemes, u.Scheme):
		return fmt.Errorf("unknown scheme %s%s", d.show(u.Scheme), known(u.Scheme, schemes))
	}
	w.features, err = d.config.options.Registry.Features(w.url)
	if err != nil {
		return errors.New(d.config.secrets.scrub(message(err)))
	}
	return nil
}

func (d *decoder) serviceTable(v *value, path string) {
	for _, e := range d.named(v, path, checkName) {
		at := join(path, e.key)
		if !d.keys(e.val, at, serviceKeys) {
			continue
		}
		s := &service{position: e.position}
		s.Name = e.key
		d.each(e.val.get("owns"), at+".owns", func(v *value, pattern, path string) error {
			s.Owns, s.owned = append(s.Owns, pattern), append(s.owned, v.position)
			return checkPattern(pattern)
		})
		d.each(e.val.get("endpoints"), at+".endpoints", func(_ *value, endpoint, _ string) error {
			s.Endpoints = append(s.Endpoints, endpoint)
			return checkEndpoint(endpoint)
		})
		if listen := e.val.get("listen"); listen != nil {
			s.Listen, _ = d.checked(listen, at+".listen", checkListen)
		}
		d.paths(s, e.val.get("paths"), at+".paths")
		if d.final {
			d.config.services = append(d.config.services, s)
		}
	}
}

// each reads a list of texts.
func (d *decoder) each(v *value, path string, check func(v *value, text, path string) error) {
	if v == nil || v.kind == null {
		return
	}
	if v.kind != list {
		d.add(v.position, path, "is %s: want a list, as [\"…\"]", v.kind)
		return
	}
	for i, item := range v.items {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.checked(item, at, func(text string) error { return check(item, text, at) })
	}
}

// codec reads the codec that stands in v.
func (d *decoder) codec(v *value, path string) string {
	c := v.get("codec")
	if c == nil {
		return ""
	}
	name, _ := d.checked(c, path+".codec", d.checkCodec)
	return name
}

func (d *decoder) checkCodec(name string) error {
	names := d.config.options.Codecs.Names()
	if !slices.Contains(names, name) {
		return fmt.Errorf("unknown codec %s%s", d.show(name), known(name, names))
	}
	return nil
}

func (d *decoder) timeout(v *value, path string) (timeout time.Duration) {
	t := v.get("timeout")
	if t == nil {
		return 0
	}
	d.checked(t, path+".timeout", func(text string) error {
		var err error
		timeout, err = time.ParseDuration(text)
		if _, number := strconv.ParseFloat(text, 64); err != nil && number == nil {
			return fmt.Errorf("%s has no unit: write %q for seconds", d.show(text), text+"s")
		}
		if err != nil || timeout <= 0 {
			return fmt.Errorf("%s is no duration: write one above zero, as \"500ms\" or \"2s\"", d.show(text))
		}
		return nil
	})
	return timeout
}

// checked reads a text and reports what check says of it.
func (d *decoder) checked(v *value, path string, check func(string) error) (string, bool) {
	text, ok := d.text(v, path, false)
	if !ok || !d.readable(v) {
		return text, false
	}
	if err := check(text); err != nil {
		d.add(v.position, path, "%s", err)
		return text, false
	}
	return text, true
}

// readable reports whether the text of v is known in this pass.
func (d *decoder) readable(v *value) bool { return d.final || !strings.Contains(v.text, "${") }

// text reads a scalar, and in the final pass expands it.
func (d *decoder) text(v *value, path string, isURL bool) (string, bool) {
	switch {
	case v.kind == null && !d.final:
		return "", false // a profile takes the key away
	case v.kind == null || v.kind == scalar && v.text == "":
		d.add(v.position, path, "is empty: give it a value, or leave the key out")
		return "", false
	case v.kind != scalar:
		d.add(v.position, path, "is %s: want a single value", v.kind)
		return "", false
	case !d.final:
		return v.text, true
	}
	text, err := d.expand.text(v.text, isURL)
	if err != nil {
		d.add(v.position, path, "%s", err)
		return "", false
	}
	if text == "" {
		d.add(v.position, path, "is empty once expanded: give it a value, or leave the key out")
	}
	return text, text != ""
}

// named reads a mapping whose keys are names that the user chose.
func (d *decoder) named(v *value, path string, check func(string) error) []entry {
	if v == nil || v.kind == null {
		return nil
	}
	if v.kind != mapping {
		d.add(v.position, path, "is %s: want a mapping, with a name before each", v.kind)
		return nil
	}
	for _, e := range v.entries {
		if check == nil {
			continue
		}
		if err := check(e.key); err != nil {
			d.add(e.position, join(path, e.key), "%s", err)
		}
	}
	return v.entries
}

// keys reports keys of v that are not allowed there, and whether v is a mapping.
func (d *decoder) keys(v *value, path string, allowed []string) bool {
	if v.kind == null {
		return !d.final || path == "defaults"
	}
	if v.kind != mapping {
		d.add(v.position, path, "is %s: want a mapping of %s", v.kind, strings.Join(allowed, ", "))
		return false
	}
	for _, e := range v.entries {
		if !slices.Contains(allowed, e.key) {
			d.add(e.position, path, "unknown key %s%s", d.show(e.key), known(e.key, allowed))
		}
	}
	return true
}

func (d *decoder) show(text string) string { return d.config.secrets.show(text) }

func checkName(name string) error {
	if len(name) > 48 || transport.CheckDestination(name) != nil {
		return fmt.Errorf("a name has 1 to 48 of [A-Za-z0-9_-], with dots between")
	}
	return nil
}

func checkPattern(pattern string) error {
	if err := transport.CheckPattern(pattern); err != nil {
		return errors.New(message(err))
	}
	return nil
}

func checkListen(address string) error {
	if _, port, err := net.SplitHostPort(address); err != nil || !validPort(port, 0) {
		return fmt.Errorf("%.64q is no address to listen at: write \":8081\" or \"host:8081\"", address)
	}
	return nil
}

func checkEndpoint(endpoint string) error {
	if strings.Contains(endpoint, ":///") {
		return endpoints.Check(endpoint) // a resolver of the program's own knows what it takes
	}
	address := endpoint
	if _, rest, ok := strings.Cut(endpoint, "://"); ok {
		address = strings.TrimLeft(rest, "/")
	}
	if host, port, err := net.SplitHostPort(address); err != nil || host == "" || !validPort(port, 1) {
		return fmt.Errorf("%.64q is no address that others reach: write \"host:8081\", or a target, as \"dns:///host:8081\"", endpoint)
	}
	return nil
}

func validPort(port string, least uint64) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n >= least
}

// message is the text of err without where and code, when it has them.
func message(err error) string {
	var e *transport.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}
