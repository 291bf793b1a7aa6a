package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
	"github.com/polywire/polywire/transport/contract"
)

// Options say what a file may name, and what this process is.
type Options struct {
	Registry  *transport.Registry         // the schemes of URLs
	Codecs    *codecs.Registry            // the names of codecs
	Profile   string                      // one of the file's profiles, laid over the rest; or ""
	Service   string                      // which of the file's services this process is; "" is all of them: every destination is local
	Client    bool                        // this process is none of the services, and calls them where the file says they are
	Codec     string                      // instead of every codec of the file; or ""
	Contracts []*contract.Service         // whose HTTP rules are paths of the services that own their destinations, unless the file says others
	Compress  Compress                    // of transports that the file compresses, as compress.Configure; nil refuses them
	Getenv    func(string) (string, bool) // for ${NAME}; nil is os.LookupEnv
}

// A Config is a file that was read and found right. It does not change.
type Config struct {
	name       string // of the file
	options    Options
	secrets    secrets
	transports []*wire    // in the order of the file
	services   []*service // likewise
	fallback   *route     // what defaults say; its pattern is empty
	routes     []*route   // the narrower before those that include it
	profiles   []string
	guard      *guard              // nil asks nobody
	unowned    []transport.Service // paths of contracts that no service of the file owns
}

// A wire is one of the file's transports.
type wire struct {
	position
	name     string
	url      string // with its secrets
	codec    string
	compress *compression // nil is none
	features transport.Features

	credentials *credentials  // nil shows nothing
	rules       *access.Rules // nil asks nobody what they may
}

// A service is one of the file's services.
type service struct {
	position
	transport.Service
	owned []position // of each pattern
	rules []path     // of Paths, in the order of the file
}

// A route says what applies to the destinations of its pattern, all defaults filled in.
type route struct {
	position
	path    string
	pattern string
	wire    *wire
	codec   string
	timeout time.Duration
	own     routeSpec // what the file says itself
}

// A routeSpec is what a route, or the defaults, leave out or say.
type routeSpec struct {
	transport, codec string
	timeout          time.Duration
}

// A Route tells what applies to a destination.
type Route struct {
	Pattern   string             `json:"pattern,omitempty"` // of the route; "" where the defaults apply
	Transport string             `json:"transport"`         // its name in the file
	URL       string             `json:"url"`               // redacted
	Codec     string             `json:"codec,omitempty"`
	Compress  string             `json:"compress,omitempty"` // as "zstd from 1KiB on, agreed"; "" is not at all
	Timeout   time.Duration      `json:"timeout,omitempty"`  // bounds every call; 0 is none beside the library's own
	Access    string             `json:"access,omitempty"`   // who may do what, of those who come by this transport; "" asks nobody
	Path      string             `json:"path,omitempty"`     // verb and path of REST, of one destination that has them
	Adapter   string             `json:"adapter"`            // as in Features
	Features  transport.Features `json:"-"`
}

// Load reads the file at path, as Parse does.
func Load(path string, o Options) (*Config, error) {
	data, err := readBounded(path, maxFile)
	if err != nil {
		text := fmt.Sprintf("cannot be read: %v", err)
		if os.IsNotExist(err) {
			text = "there is no such file: write one, for a start with polywire config init"
		}
		return nil, &Errors{File: path, Problems: []Problem{{Message: text}}}
	}
	return Parse(path, data, o)
}

// Parse reads data, which errors call name; relative paths of ${file:…} begin in
// its folder. Nothing is connected. The error is an [*Errors] with every mistake.
func Parse(name string, data []byte, o Options) (*Config, error) {
	if o.Getenv == nil {
		o.Getenv = os.LookupEnv
	}
	if o.Registry == nil {
		o.Registry = transport.NewRegistry()
	}
	if o.Codecs == nil {
		o.Codecs = new(codecs.Registry)
	}
	c := &Config{name: name, options: o}
	d := &decoder{config: c}
	d.expand = expander{getenv: o.Getenv, folder: filepath.Dir(name), secrets: &c.secrets}
	if root := readDocument(data, &d.problems); root != nil {
		d.document(root)
	}
	if err := d.err(name); err != nil {
		return nil, err
	}
	return c, nil
}

// Route tells what applies to destination: the narrowest route that fits it,
// else the defaults. A dead-letter destination goes where its messages come from.
func (c *Config) Route(destination string) Route {
	r := c.public(c.route(destination), destination)
	r.Path = c.pathOf(destination)
	return r
}

// public tells of r what applies to a destination, or to all of a pattern.
func (c *Config) public(r *route, destination string) Route {
	return Route{
		Access: c.access(r.wire, undead(destination)), Pattern: r.pattern, Transport: r.wire.name, URL: c.secrets.redactURL(r.wire.url),
		Codec: r.codec, Compress: r.wire.compress.String(), Timeout: r.timeout, Features: r.wire.features, Adapter: r.wire.features.Adapter,
	}
}

func (c *Config) route(destination string) *route {
	destination = undead(destination)
	if transport.CheckDestination(destination) != nil {
		return c.fallback
	}
	for _, r := range c.routes {
		if transport.Match(r.pattern, destination) {
			return r
		}
	}
	return c.fallback
}

// used lists the wires that some destination is routed to, in the order of the file.
func (c *Config) used() []*wire {
	var used []*wire
	for _, w := range c.transports {
		goes := func(r *route) bool { return r.wire == w }
		if goes(c.fallback) || slices.ContainsFunc(c.routes, goes) {
			used = append(used, w)
		}
	}
	return used
}
