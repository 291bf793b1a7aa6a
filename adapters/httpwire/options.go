package httpwire

import (
	"net/http"
	"net/url"
	"time"

	"github.com/polywire/polywire/internal/nodeurl"
	"github.com/polywire/polywire/transport"
)

// The schemes.
const (
	schemePlain = "http"
	schemeTLS   = "https"
)

// options are what a URL says; see Factory.
type options struct {
	nodeurl.Options
	http2 bool // this node calls by HTTP/2 alone; it serves both versions to whoever asks
	cors  cors // pages that may call this node from a browser
}

func parseOptions(u *url.URL) (o options, err error) {
	wire := nodeurl.Wire{Name: "HTTP", Plain: schemePlain, Secure: schemeTLS, Service: "_http._tcp", Known: "cors, corscredentials, http"}
	if o.Options, err = nodeurl.Parse(u, wire, o.set); err != nil {
		return o, err
	}
	return o, o.cors.check(o.ClientCA != "")
}

func (o *options) set(name, value string) (known bool, err error) {
	switch name {
	case "http":
		if value != "1" && value != "2" {
			return true, invalid("option http=%.32q: use 1 or 2, the version of HTTP that this side calls by", value)
		}
		o.http2 = value == "2"
	case "cors":
		return true, o.cors.set(value)
	case "corscredentials":
		return true, nodeurl.Flag(&o.cors.credentials, name, value)
	default:
		return false, nil
	}
	return true, nil
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
