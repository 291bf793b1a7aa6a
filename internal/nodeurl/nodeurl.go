// Package nodeurl reads the URLs by which nodes of wires without a broker are opened,
// so that they mean the same on each:
//
//	http://localhost:8080           everything has its home there
//	http://?listen=127.0.0.1:8080   this process is the home of everything
//	http://                         the table of services says who is the home of what
package nodeurl

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/polywire/polywire/internal/homes"
	"github.com/polywire/polywire/internal/tlsfiles"
	"github.com/polywire/polywire/transport"
)

const (
	shared             = "attach, ca, cert, clientca, connections, key, listen, " + homes.KnownOptions
	defaultConnections = 10_000
)

// A Wire is what differs between wires.
type Wire struct {
	Name    string // as errors have it, "HTTP"
	Plain   string // scheme
	Secure  string // scheme with TLS
	Service string // of SRV records, as "_http._tcp"
	Known   string // names of the options that are the wire's alone
}

// Options are what a URL says.
type Options struct {
	Scheme      string // of this node and of all that it reaches
	Secure      bool   // that scheme has TLS
	Files       tlsfiles.Files
	ClientCA    string // file; who calls this node shows a certificate of its authorities
	Host        string // host:port that is the home of all that no service owns; empty for this process
	Listen      string // address to serve at; empty for none, or for that of the own service
	Connections int    // served at once
	Attach      bool   // other processes may attach handlers here
	Homes       homes.Options

	wire Wire
}

// Parse reads u. set takes an option that is the wire's alone, and tells whether there is one of that name.
func Parse(u *url.URL, w Wire, set func(name, value string) (known bool, err error)) (Options, error) {
	o := Options{Scheme: u.Scheme, Secure: u.Scheme == w.Secure, Host: u.Host, Connections: defaultConnections, wire: w}
	switch {
	case u.User != nil:
		return o, invalid("the URL holds a user or a password, which %s peers do not check here: leave them out; %s with clientca knows peers by their certificates", w.Name, w.Secure)
	case u.Path != "" && u.Path != "/" || u.Fragment != "" || u.Opaque != "":
		return o, invalid("the URL has more than a host: use %[1]s://host:port, %[1]s://?listen=host:port or %[1]s://", o.Scheme)
	}
	if o.Host != "" {
		var err error
		if o.Host, err = o.address(o.Host); err != nil {
			return o, err
		}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return o, invalid("the options of the URL cannot be read: %w", err)
	}
	for name, values := range query {
		value := values[len(values)-1]
		known, err := set(name, value)
		if !known {
			known, err = o.set(name, value)
		}
		if err != nil {
			return o, err
		}
		if !known {
			return o, invalid("unknown option %.64q (known: %s, %s)", name, shared, w.Known)
		}
	}
	// Files that plain text would leave unused are refused, rather than speak without TLS to one who gave them.
	if !o.Secure && (o.Files.Any() || o.ClientCA != "") {
		return o, invalid("options ca, cert, key and clientca are for TLS: use the scheme %s", w.Secure)
	}
	return o, o.Files.Check()
}

func (o *Options) set(name, value string) (known bool, err error) {
	switch name {
	case "listen":
		if _, _, err := net.SplitHostPort(value); err != nil {
			return true, invalid("option listen=%.128q: use host:port, as 127.0.0.1:0 or :8080", value)
		}
		o.Listen = value
	case "connections":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return true, invalid("option connections=%.32q: use how many connections to serve at once", value)
		}
		o.Connections = n
	case "attach":
		return true, Flag(&o.Attach, name, value)
	case "clientca":
		o.ClientCA = value
	default:
		if known, err := o.Homes.Set(name, value); known {
			return true, err
		}
		return o.Files.Set(name, value), nil
	}
	return true, nil
}

// Flag reads an option that is on when it stands there.
func Flag(to *bool, name, value string) error {
	on, err := strconv.ParseBool(value)
	if err != nil && value != "" {
		return invalid("option %s=%.32q: use true or false", name, value)
	}
	*to = on || value == ""
	return nil
}

// Endpoint returns the host:port of what a table names, which may say the scheme too: this node's, as it speaks one alone.
func (o *Options) Endpoint(s string) (string, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	switch {
	case !ok:
		return o.address(s)
	case scheme == o.wire.Plain || scheme == o.wire.Secure:
		if scheme != o.Scheme {
			return "", invalid("address %.128q: this node speaks %s alone: leave the scheme out, or open the Conn by %.16s://", s, o.Scheme, scheme)
		}
		return o.address(rest)
	}
	return "", invalid("address %.128q: nothing here resolves %.32q: use host:port, dns:///host:port, srv:///%s.name or file:///path, or give the Factory a resolver by WithResolver", s, scheme, o.wire.Service)
}

// address checks host:port, and adds the scheme's port where there is none.
func (o *Options) address(s string) (string, error) {
	u := url.URL{Host: s}
	host, port := u.Hostname(), u.Port()
	switch {
	case port != "":
	case o.Secure:
		port = "443"
	default:
		port = "80"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" {
		return "", invalid("address %.128q: use host:port", s)
	}
	if n == 0 {
		return "", invalid("address %.128q: nobody is reached at port 0; to listen at any port use %s://?listen=%.128s", s, o.Scheme, s)
	}
	return net.JoinHostPort(host, port), nil
}

func invalid(format string, args ...any) *transport.Error {
	return transport.CodeInvalidArgument.Errorf(format, args...)
}
