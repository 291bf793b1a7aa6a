package homes

import (
	"strings"
	"time"
)

// KnownOptions are the names that [Options.Set] takes.
const KnownOptions = "balance, idle, renew, resolve"

// Options are what a URL says of endpoints. The zero value means the defaults: turns,
// connections for ten minutes, one minute idle.
type Options struct {
	Least   bool          // balance=least: the less loaded of two; else in turns
	Renew   time.Duration // renew: how long a connection takes new messages, give or take a tenth; negative is for ever
	Idle    time.Duration // idle: how long a connection without messages is kept; an adapter sees to it
	Resolve string        // resolve: the scheme of the resolver that is asked for the URL's host
}

// Bounds of connections where a URL says nothing.
const (
	DefaultRenew = 10 * time.Minute
	DefaultIdle  = time.Minute
)

// Set takes an option of a URL; known is false for one that is none of these.
func (o *Options) Set(name, value string) (known bool, err error) {
	switch name {
	case "balance":
		if value != "round" && value != "least" {
			return true, invalid("option balance=%.32q: use round, where endpoints take turns, or least, where the less loaded of two gets the message", value)
		}
		o.Least = value == "least"
	case "renew":
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return true, invalid("option renew=%.32q: use how long a connection takes new messages, as 10m, or 0 for ever", value)
		}
		if o.Renew = d; d == 0 {
			o.Renew = -1
		}
	case "idle":
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return true, invalid("option idle=%.32q: use how long a connection without messages is kept, as 1m", value)
		}
		o.Idle = d
	case "resolve":
		if value == "" || strings.ContainsAny(value, ":/?#") {
			return true, invalid("option resolve=%.32q: use the scheme of a resolver, as dns", value)
		}
		o.Resolve = value
	default:
		return false, nil
	}
	return true, nil
}
