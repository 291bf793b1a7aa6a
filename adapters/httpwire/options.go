package httpwire

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/polywire/polywire/internal/homes"
	"github.com/polywire/polywire/internal/tlsfiles"
	"github.com/polywire/polywire/transport"
)

const knownOptions = "attach, ca, cert, clientca, connections, cors, corscredentials, http, key, listen, " + homes.KnownOptions

// options are what a URL says; see Factory.
type options struct {
	scheme      string // of this node and of all that it reaches: http or https
	files       tlsfiles.Files
	clientCA    string // file; who calls this node shows a certificate of its authorities
	host        string // host:port that is the home of all that no service owns; empty for this process
	listen      string // address to serve at; empty for none, or for that of the own service
	connections int    // served at once
	attach      bool   // other processes may attach handlers here
	http2       bool   // this node calls by HTTP/2 alone; it serves both versions to whoever asks
	cors        cors   // pages that may call this node from a browser
	homes       homes.Options
}

func parseOptions(u *url.URL) (options, error) {
	o := options{scheme: u.Scheme, host: u.Host, connections: 10_000}
	switch {
	case u.User != nil:
		return o, invalid("the URL holds a user or a password, which HTTP peers do not check here: leave them out; https with clientca knows peers by their certificates")
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

// checkTLS refuses files that plain HTTP would leave unused, rather than speak without TLS to one who gave them.
func (o *options) checkTLS() error {
	if o.scheme != schemeTLS && (o.files.Any() || o.clientCA != "") {
		return invalid("options ca, cert, key and clientca are for TLS: use the scheme https")
	}
	if err := o.cors.check(o.clientCA != ""); err != nil {
		return err
	}
	return o.files.Check()
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
		return setFlag(&o.attach, name, value)
	case "http":
		if value != "1" && value != "2" {
			return invalid("option http=%.32q: use 1 or 2, the version of HTTP that this side calls by", value)
		}
		o.http2 = value == "2"
	case "cors":
		return o.cors.set(value)
	case "corscredentials":
		return setFlag(&o.cors.credentials, name, value)
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

// setFlag reads an option that is on when it stands there.
func setFlag(to *bool, name, value string) error {
	on, err := strconv.ParseBool(value)
	if err != nil && value != "" {
		return invalid("option %s=%.32q: use true or false", name, value)
	}
	*to = on || value == ""
	return nil
}

// The schemes.
const (
	schemePlain = "http"
	schemeTLS   = "https"
)

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
	return "", invalid("address %.128q: nothing here resolves %.32q: use host:port, dns:///host:port, srv:///_http._tcp.name or file:///path, or give the Factory a resolver by WithResolver", s, scheme)
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
	streams int           // requests of one connection of HTTP/2 at once
	frame   int           // bytes of a frame of HTTP/2
}

// A message's header is at most 16 KiB and its params 8 KiB, which escaping may triple.
func defaultLimits() limits {
	return limits{
		header: 10 * time.Second, body: 30 * time.Second, idle: 2 * time.Minute, write: 15 * time.Second,
		ping: 15 * time.Second, silence: 45 * time.Second, dial: 5 * time.Second,
		credit: 4096, settle: 1 << 20, headers: 128 << 10, streams: 250, frame: 16 << 10,
	}
}

// http2 are the limits of both sides of HTTP/2. Frames are as small as the
// standard lets them be: a peer cannot make this process hold larger ones.
func (l *limits) http2() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams: l.streams, MaxReadFrameSize: l.frame,
		SendPingTimeout: l.ping, PingTimeout: l.write, WriteByteTimeout: l.write,
	}
}

func invalid(format string, args ...any) *transport.Error {
	return transport.CodeInvalidArgument.Errorf(format, args...)
}
