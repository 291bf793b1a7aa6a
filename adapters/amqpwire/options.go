package amqpwire

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/polywire/polywire/internal/tlsfiles"
	"github.com/polywire/polywire/transport"
)

// Kinds of durable queues that ?queue= can ask for.
const (
	queueAuto    = "auto" // quorum where the broker has them with message expiry, else classic; what exists is taken as it is
	queueQuorum  = "quorum"
	queueClassic = "classic"
)

const insecurePlaintext = "plaintext"

const knownOptions = "ca, cert, connect-timeout, expires, heartbeat, insecure, key, prefix, queue, servername, single, window"

// options are what a URL says:
//
//	amqp://user:password@host:5672/vhost?prefix=pw.&queue=quorum&window=1024
type options struct {
	address        string // host:port
	host           string
	tls            bool
	user, password string
	vhost          string

	prefix         string        // of every name on the broker
	queue          string        // one of the queue… constants
	single         bool          // one consumer at a time is active on each queue, for order
	expires        time.Duration // durable queues that nobody uses for as long are deleted; 0 is never
	window         int           // messages whose confirm is awaited at once
	heartbeat      time.Duration
	connectTimeout time.Duration
	files          tlsfiles.Files  // for amqps
	trust          *tlsfiles.Trust // of files, once open; nil without TLS
	serverName     string
}

func parseOptions(u *url.URL) (*options, error) {
	o := &options{
		tls: u.Scheme == "amqps", host: u.Hostname(), user: "guest", password: "guest", vhost: "/",
		prefix: "pw.", queue: queueAuto, window: 1024, heartbeat: 10 * time.Second, connectTimeout: 10 * time.Second,
	}
	if o.host == "" {
		o.host = "localhost"
	}
	port := u.Port()
	if port == "" {
		port = map[bool]string{false: "5672", true: "5671"}[o.tls]
	}
	o.address = net.JoinHostPort(o.host, port)
	if u.User != nil {
		o.user = u.User.Username()
		o.password, _ = u.User.Password()
	}
	if vhost := strings.TrimPrefix(u.Path, "/"); vhost != "" {
		o.vhost = vhost
	}
	if len(o.vhost) > 255 || len(o.user) > 255 {
		return nil, transport.CodeInvalidArgument.Errorf("user and vhost have at most 255 bytes each")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, transport.CodeInvalidArgument.Errorf("the URL's options do not parse: write ?name=value&name=value")
	}
	insecure := ""
	for name, values := range query {
		if len(values) != 1 {
			return nil, transport.CodeInvalidArgument.Errorf("option %q is given %d times: give it once", name, len(values))
		}
		if name == "insecure" {
			insecure = values[0]
			continue
		}
		if err := o.set(name, values[0]); err != nil {
			return nil, err
		}
	}
	return o, o.checkSecurity(insecure)
}

func (o *options) set(name, value string) error {
	var err error
	switch name {
	case "prefix":
		o.prefix = value
		if !validPrefix(value) {
			err = badOption(name, value, "1 to 20 bytes of [A-Za-z0-9_.-], not starting with amq.")
		}
	case "queue":
		o.queue = value
		if !slices.Contains([]string{queueAuto, queueQuorum, queueClassic}, value) {
			err = badOption(name, value, "auto, quorum or classic")
		}
	case "single":
		o.single = value == "1"
		if value != "1" && value != "0" {
			err = badOption(name, value, "1 or 0")
		}
	case "window":
		o.window, err = strconv.Atoi(value)
		if err != nil || o.window < 1 || o.window > 65536 {
			err = badOption(name, value, "1 to 65536")
		}
	case "expires":
		o.expires, err = duration(name, value, time.Second, 30*24*time.Hour)
	case "heartbeat":
		o.heartbeat, err = duration(name, value, time.Second, 5*time.Minute)
	case "connect-timeout":
		o.connectTimeout, err = duration(name, value, 100*time.Millisecond, 5*time.Minute)
	default:
		err = o.setTLS(name, value)
	}
	return err
}

func (o *options) setTLS(name, value string) error {
	switch {
	case o.files.Set(name, value):
	case name == "servername":
		o.serverName = value
	default:
		return transport.CodeInvalidArgument.Errorf("unknown option %q (known: %s)", clip(name, 64), knownOptions)
	}
	if !o.tls {
		return transport.CodeInvalidArgument.Errorf("option %q is for amqps:// alone: change the scheme, or leave it out", name)
	}
	return nil
}

// checkSecurity refuses to send a password in the clear to another machine, unless that is allowed by name.
func (o *options) checkSecurity(insecure string) error {
	if insecure != "" && insecure != insecurePlaintext {
		return badOption("insecure", insecure, insecurePlaintext)
	}
	if err := o.files.Check(); err != nil {
		return err
	}
	if o.tls || insecure == insecurePlaintext || loopback(o.host) {
		return nil
	}
	return transport.CodeInvalidArgument.Errorf("amqp:// would send the password to another machine in the clear: use amqps://, or allow it with ?insecure=plaintext")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// readFiles refuses files that are of no use, once a Conn opens.
func (o *options) readFiles() (err error) {
	if o.tls {
		o.trust, err = o.files.Client()
	}
	return err
}

func (o *options) features() transport.Features {
	return transport.Features{
		Adapter: "amqp",
		Send:    true, Request: true, Publish: true, Gather: true,
		Groups: true, Wildcards: true, OrderedByKey: o.single,
		Acceptance: transport.Stored, Acceptances: []transport.Acceptance{transport.Written},
		DetectsNoHandlerOnRequest: true, RelativeExpiry: true, Redelivers: true, Durable: true,
		DetachedReply: true, TLS: true, Authentication: true,
		MaxBody: maxBody,
	}
}

func duration(name, value string, low, high time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d < low || d > high {
		return 0, badOption(name, value, "a duration from "+low.String()+" to "+high.String())
	}
	return d, nil
}

func badOption(name, value, want string) error {
	return transport.CodeInvalidArgument.Errorf("option %s=%q: use %s", name, clip(value, 64), want)
}

func validPrefix(s string) bool {
	if s == "" || len(s) > 20 || strings.HasPrefix(s, "amq.") {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == ""
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
