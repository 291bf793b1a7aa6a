package httpwire

import "strings"

// A when says for which values of a field something holds.
type when uint8

const (
	always  when = iota
	never        // the value is HTTP's, whatever it is
	coded        // it is gzip or zstd, which others than ours can compress and inflate too
	wish         // it names one of those, in a request: in an answer HTTP gives the field no meaning
	wished       // it names one of those
	altered      // it is anything but the body as it is, so that nobody takes it for that
)

func (w when) holds(value string, request bool) bool {
	switch w {
	case never:
		return false
	case coded:
		return value == "gzip" || value == "zstd"
	case wish:
		return request && wished.holds(value, request)
	case wished:
		return strings.Contains(value, "gzip") || strings.Contains(value, "zstd")
	case altered:
		return value != "" && value != "identity"
	}
	return true
}

// A rule says whose a field of HTTP is: when the application's field of its name
// travels as it, and when what came is taken for the application's. The rest of the
// application's fields travels in Polywire-Header, and the rest of HTTP's stays HTTP's.
type rule struct{ write, take when }

// ruleOf is the whole table, by canonical names; docs/wire/http.md tells it. HTTP's are
// the names that clients, servers and proxies write, read or change.
func ruleOf(name string) rule {
	switch name {
	case encoding:
		return rule{write: coded, take: altered}
	case acceptEncoding:
		return rule{write: wish, take: wished}
	case "Accept", "Age", "Allow", "Alt-Svc", "Authorization", "Cache-Control", "Clear-Site-Data", "Connection", "Cookie", "Cookie2",
		"Date", "Dnt", "Early-Data", "Etag", "Expect", "Expires", "Forwarded", "From", "Host", "Http2-Settings", "Idempotency-Key",
		"Keep-Alive", "Last-Event-Id", "Last-Modified", "Link", "Location", "Max-Forwards", "Nel", "Origin", "Pragma", "Priority", "Range", "Referer",
		"Refresh", "Report-To", "Retry-After", "Server", "Server-Timing", "Set-Cookie", "Set-Cookie2", "Strict-Transport-Security",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Upgrade-Insecure-Requests", "User-Agent", "Vary", "Via", "Warning",
		"Www-Authenticate", "X-Real-Ip", "X-Request-Id":
		return rule{write: never, take: never}
	}
	for _, family := range [...]string{
		"Accept-", "Access-Control-", "Cf-", "Content-", "Cross-Origin-", "If-", reservedPrefix, "Proxy-", "Sec-", "X-Amzn-", "X-Forwarded-", "X-Envoy-",
	} {
		if strings.HasPrefix(name, family) {
			return rule{write: never, take: never}
		}
	}
	return rule{write: always, take: always}
}
