package kafkawire

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/polywire/polywire/internal/tlsfiles"
	"github.com/polywire/polywire/transport"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// options are what a URL says:
//
//	kafka://host1:9092,host2:9092?prefix=acme-&partitions=8
//	kafkas://user:password@host?sasl=scram-sha-512&ca=/etc/kafka/ca.pem
type options struct {
	seeds        []string
	prefix       string        // in front of every topic and group: keeps systems on one cluster apart
	partitions   int32         // of topics that are created
	replication  int16         // of topics that are created; -1 is the cluster's default
	linger       time.Duration // how long the producer waits for more to send at once
	session      time.Duration // after which a handler's process that is gone loses its partitions
	sasl         string
	user         *url.Userinfo
	insecureAuth bool
	files        tlsfiles.Files
	tls          bool
}

// optionNames are the known query parameters, as errors list them.
const optionNames = "ca, cert, insecure-auth, key, linger, partitions, prefix, replication, sasl, session"

func parseOptions(u *url.URL) (*options, error) {
	o := &options{partitions: 8, replication: -1, session: 10 * time.Second, sasl: "scram-sha-512", user: u.User, tls: u.Scheme == "kafkas"}
	if err := o.parseSeeds(u); err != nil {
		return nil, err
	}
	for name, values := range u.Query() {
		if len(values) != 1 {
			return nil, transport.CodeInvalidArgument.Errorf("option %s is given %d times: give it once", name, len(values))
		}
		if err := o.set(name, values[0]); err != nil {
			return nil, err
		}
	}
	return o, o.check()
}

func (o *options) parseSeeds(u *url.URL) error {
	if u.Path != "" && u.Path != "/" {
		return transport.CodeInvalidArgument.Errorf("the URL has the path %q: Kafka has none; use ?prefix= to keep names apart", u.Path)
	}
	for seed := range strings.SplitSeq(u.Host, ",") {
		host, port, err := net.SplitHostPort(seed)
		if err != nil {
			host, port = strings.Trim(seed, "[]"), "9092"
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if host == "" || err != nil || n == 0 {
			return transport.CodeInvalidArgument.Errorf("broker %q: use host:port, several joined by commas", seed)
		}
		o.seeds = append(o.seeds, net.JoinHostPort(host, port))
	}
	return nil
}

func (o *options) set(name, value string) (err error) {
	switch name {
	case "prefix":
		o.prefix = value
	case "partitions":
		o.partitions, err = parseCount[int32](name, value, 1, 10000)
	case "replication":
		o.replication, err = parseCount[int16](name, value, 1, 100)
	case "linger":
		o.linger, err = parseDuration(name, value, 0, time.Minute)
	case "session":
		o.session, err = parseDuration(name, value, 100*time.Millisecond, 30*time.Minute)
	case "sasl":
		o.sasl = value
	case "insecure-auth":
		o.insecureAuth, err = strconv.ParseBool(value)
		if err != nil {
			err = transport.CodeInvalidArgument.Errorf("option insecure-auth=%q: use true or false", value)
		}
	default:
		if o.files.Set(name, value) {
			return nil
		}
		return transport.CodeInvalidArgument.Errorf("unknown option %q (known: %s)", name, optionNames)
	}
	return err
}

func parseCount[T int16 | int32](name, value string, least, most int64) (T, error) {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < least || n > most {
		return 0, transport.CodeInvalidArgument.Errorf("option %s=%q: use %d to %d", name, value, least, most)
	}
	return T(n), nil
}

func parseDuration(name, value string, least, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d < least || d > most {
		return 0, transport.CodeInvalidArgument.Errorf("option %s=%q: use a duration from %v to %v, as \"10ms\"", name, value, least, most)
	}
	return d, nil
}

func (o *options) check() error {
	if len(o.prefix) > 64 || strings.IndexFunc(o.prefix, notInPrefix) >= 0 {
		return transport.CodeInvalidArgument.Errorf("option prefix=%q: use up to 64 of [A-Za-z0-9.-]; Kafka confuses . and _, so _ is not used", o.prefix)
	}
	if !o.tls && o.files.Any() {
		return transport.CodeInvalidArgument.Errorf("options ca, cert and key are for TLS: use the scheme kafkas")
	}
	if err := o.files.Check(); err != nil {
		return err
	}
	if !slices.Contains([]string{"plain", "scram-sha-256", "scram-sha-512"}, o.sasl) {
		return transport.CodeInvalidArgument.Errorf("option sasl=%q: use plain, scram-sha-256 or scram-sha-512", o.sasl)
	}
	if o.user != nil && !o.tls && !o.insecureAuth {
		return transport.CodeInvalidArgument.Errorf("a password would travel in the clear: use the scheme kafkas, or say insecure-auth=true")
	}
	return nil
}

func notInPrefix(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-')
}

// mechanism is how the connection proves who it is; nil without a user in the URL.
func (o *options) mechanism() sasl.Mechanism {
	if o.user == nil {
		return nil
	}
	name := o.user.Username()
	password, _ := o.user.Password()
	switch o.sasl {
	case "plain":
		return plain.Auth{User: name, Pass: password}.AsMechanism()
	case "scram-sha-256":
		return scram.Auth{User: name, Pass: password}.AsSha256Mechanism()
	default:
		return scram.Auth{User: name, Pass: password}.AsSha512Mechanism()
	}
}
