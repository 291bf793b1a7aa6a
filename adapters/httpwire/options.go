package httpwire

import (
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/polywire/polywire/transport"
)

const knownOptions = "attach, connections, listen"

// options are what a URL says; see Factory.
type options struct {
	host        string // host:port that is the home of all that no service owns; empty for this process
	listen      string // address to serve at; empty for none, or for that of the own service
	connections int    // served at once
	attach      bool   // other processes may attach handlers here
}

func parseOptions(u *url.URL) (options, error) {
	o := options{host: u.Host, connections: 10_000}
	switch {
	case u.User != nil:
		return o, invalid("the URL holds credentials, which this adapter cannot protect: leave them out")
	case u.Path != "" && u.Path != "/" || u.Fragment != "" || u.Opaque != "":
		return o, invalid("the URL has more than a host: use http://host:port, http://?listen=host:port or http://")
	}
	if o.host != "" {
		var err error
		if o.host, err = address(o.host); err != nil {
			return o, err
		}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return o, invalid("the options of the URL cannot be read: %w", err)
	}
	for name, values := range query {
		if err := o.set(name, values[len(values)-1]); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (o *options) set(name, value string) error {
	switch name {
	case "listen":
		if _, _, err := net.SplitHostPort(value); err != nil {
			return invalid("option listen=%.128q: use host:port, as 127.0.0.1:0 or :8080", value)
		}
		o.listen = value
	case "connections":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return invalid("option connections=%.32q: use how many connections to serve at once", value)
		}
		o.connections = n
	case "attach":
		on, err := strconv.ParseBool(value)
		if err != nil && value != "" {
			return invalid("option attach=%.32q: use true or false", value)
		}
		o.attach = on || value == ""
	default:
		return invalid("unknown option %.64q (known: %s)", name, knownOptions)
	}
	return nil
}

// address checks host:port, and adds the port of HTTP where there is none.
func address(s string) (string, error) {
	u := url.URL{Host: s}
	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = "80"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" {
		return "", invalid("address %.128q: use host:port", s)
	}
	if n == 0 {
		return "", invalid("address %.128q: nobody is reached at port 0; to listen at any port use http://?listen=%.128s", s, s)
	}
	return net.JoinHostPort(host, port), nil
}

// limits are the bounds of what a peer can make this process do or wait for.
type limits struct {
	header  time.Duration // to read the head of a request
	body    time.Duration // to read its body
	idle    time.Duration // a connection may do nothing as long
	write   time.Duration // for a response, or for one batch of a stream, to be taken by the peer
	ping    time.Duration // a stream is silent at most as long
	silence time.Duration // a subscriber gives up a stream that is silent as long
	dial    time.Duration // to connect
	credit  int           // unsettled deliveries of one stream
	settle  int           // bytes of one settlement
	headers int           // bytes of the head of a request or response
}

// A message's header is at most 16 KiB and its params 8 KiB, which escaping may triple.
func defaultLimits() limits {
	return limits{
		header: 10 * time.Second, body: 30 * time.Second, idle: 2 * time.Minute, write: 15 * time.Second,
		ping: 15 * time.Second, silence: 45 * time.Second, dial: 5 * time.Second,
		credit: 4096, settle: 1 << 20, headers: 128 << 10,
	}
}

func invalid(format string, args ...any) *transport.Error {
	return transport.CodeInvalidArgument.Errorf(format, args...)
}
