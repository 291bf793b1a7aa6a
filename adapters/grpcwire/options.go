package grpcwire

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/polywire/polywire/internal/homes"
	"github.com/polywire/polywire/internal/tlsfiles"
	"github.com/polywire/polywire/transport"
)

const knownOptions = "age, attach, ca, cert, clientca, connections, key, listen, " + homes.KnownOptions

// The schemes.
const (
	schemePlain = "grpc"
	schemeTLS   = "grpcs"
)

// options are what a URL says; see Factory.
type options struct {
	scheme      string // of this node and of all that it reaches: grpc or grpcs
	files       tlsfiles.Files
	clientCA    string        // file; who calls this node shows a certificate of its authorities
	host        string        // host:port that is the home of all that no service owns; empty for this process
	listen      string        // address to serve at; empty for none, or for that of the own service
	connections int           // served at once
	age         time.Duration // a connection is asked to be made new after as long; 0 is never
	homes       homes.Options
	attach      bool // other processes may attach handlers here
}

func parseOptions(u *url.URL) (options, error) {
	o := options{scheme: u.Scheme, host: u.Host, connections: 10_000}
	switch {
	case u.User != nil:
		return o, invalid("the URL holds a user or a password, which gRPC peers do not check here: leave them out; grpcs with clientca knows peers by their certificates")
	case u.Path != "" && u.Path != "/" || u.Fragment != "" || u.Opaque != "":
		return o, invalid("the URL has more than a host: use %[1]s://host:port, %[1]s://?listen=host:port or %[1]s://", o.scheme)
	}
	if o.host != "" {
		var err error
		if o.host, err = o.address(o.host); err != nil {
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
	return o, o.checkTLS()
}

// checkTLS refuses files that plain gRPC would leave unused, rather than speak without TLS to one who gave them.
func (o *options) checkTLS() error {
	if o.scheme != schemeTLS && (o.files.Any() || o.clientCA != "") {
		return invalid("options ca, cert, key and clientca are for TLS: use the scheme grpcs")
	}
	return o.files.Check()
}

func (o *options) set(name, value string) error {
	switch name {
	case "listen":
		if _, _, err := net.SplitHostPort(value); err != nil {
			return invalid("option listen=%.128q: use host:port, as 127.0.0.1:0 or :9090", value)
		}
		o.listen = value
	case "connections":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return invalid("option connections=%.32q: use how many connections to serve at once", value)
		}
		o.connections = n
	case "age":
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return invalid("option age=%.32q: use how long a connection serves new calls, as 30m", value)
		}
		o.age = d
	case "attach":
		on, err := strconv.ParseBool(value)
		if err != nil && value != "" {
			return invalid("option attach=%.32q: use true or false", value)
		}
		o.attach = on || value == ""
	case "clientca":
		o.clientCA = value
	default:
		if known, err := o.homes.Set(name, value); known {
			return err
		}
		if o.files.Set(name, value) {
			return nil
		}
		return invalid("unknown option %.64q (known: %s)", name, knownOptions)
	}
	return nil
}

// endpoint is address of what a table names, which may say the scheme too: this node's, as it speaks one alone.
func (o *options) endpoint(s string) (string, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	switch {
	case !ok:
		return o.address(s)
	case scheme == schemePlain || scheme == schemeTLS:
		if scheme != o.scheme {
			return "", invalid("address %.128q: this node speaks %s alone: leave the scheme out, or open the Conn by %.16s://", s, o.scheme, scheme)
		}
		return o.address(rest)
	}
	return "", invalid("address %.128q: nothing here resolves %.32q: use host:port, dns:///host:port, srv:///_grpc._tcp.name or file:///path, or give the Factory a resolver by WithResolver", s, scheme)
}

// address checks host:port, and adds the scheme's port where there is none.
func (o *options) address(s string) (string, error) {
	u := url.URL{Host: s}
	host, port := u.Hostname(), u.Port()
	switch {
	case port != "":
	case o.scheme == schemeTLS:
		port = "443"
	default:
		port = "80"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" {
		return "", invalid("address %.128q: use host:port", s)
	}
	if n == 0 {
		return "", invalid("address %.128q: nobody is reached at port 0; to listen at any port use %s://?listen=%.128s", s, o.scheme, s)
	}
	return net.JoinHostPort(host, port), nil
}

// limits are the bounds of what a peer can make this process do or wait for.
type limits struct {
	dial      time.Duration // to connect, with the handshakes of TLS and HTTP/2
	idle      time.Duration // a connection without streams is kept as long
	alive     time.Duration // a connection may be silent as long before it is asked for a sign of life
	answer    time.Duration // for that sign to come
	pings     time.Duration // peers may ask no more often
	ping      time.Duration // a stream is silent at most as long
	silence   time.Duration // a subscriber gives up a stream that is silent as long
	write     time.Duration // for a batch of a stream to be taken by the peer
	credit    int           // unsettled deliveries of one stream
	streams   int           // of one connection
	headers   int           // bytes of a head or a trailer, as HTTP/2 counts them
	around    int           // bytes of a message of the bus beside its body
	batch     int           // bytes of messages of the bus that travel together
	accepting time.Duration // calls that have their answer may end as long once a node closes
}

// A message's header is at most 16 KiB and its params 8 KiB, which escaping may triple.
func defaultLimits() limits {
	return limits{
		dial: 5 * time.Second, idle: 10 * time.Minute, alive: time.Minute, answer: 20 * time.Second, pings: 5 * time.Second,
		ping: 15 * time.Second, silence: 45 * time.Second, write: 15 * time.Second,
		credit: 4096, streams: 1024, headers: 128 << 10, around: 128 << 10, batch: 64 << 10, accepting: 20 * time.Millisecond,
	}
}

func invalid(format string, args ...any) *transport.Error {
	return transport.CodeInvalidArgument.Errorf(format, args...)
}
