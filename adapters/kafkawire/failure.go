package kafkawire

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/polywire/polywire/transport"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

const (
	metadataMinAge = 100 * time.Millisecond // a topic that was just created is known to all brokers a little later
	dialTimeout    = 5 * time.Second

	// fetchWait is how long a broker holds a fetch that finds nothing. The client
	// adds partitions one by one and may ask for the first alone; the others are
	// read with its next fetch, so this bounds how long a first message waits.
	fetchWait = 250 * time.Millisecond
)

// versions are those of the client, but OffsetFetch below 10: from there on the
// answer names topics by number alone, and the text of a commit could not be told whose it is.
func versions() *kversion.Versions {
	const offsetFetch = 9
	v := kversion.Stable()
	v.SetMaxKeyVersion(offsetFetch, 9)
	return v
}

// backoff is the wait after a number of failures: full jitter, at most a second,
// so that clients come back soon after a broker does, and not all at once.
func backoff(fails int) time.Duration {
	most := min(time.Second, 20*time.Millisecond<<max(0, min(fails-1, 6)))
	return 5*time.Millisecond + rand.N(most)
}

// failure gives an error of the client its code. The ends of the adapter and of
// ctx come first: the client reports them in many ways.
func (a *adapter) failure(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if a.base.Err() != nil {
		return transport.ErrClosed
	}
	var known *transport.Error
	if errors.As(err, &known) || errors.Is(err, transport.ErrClosed) {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	code := transport.CodeUnavailable
	switch {
	case errors.Is(err, kgo.ErrClientClosed):
		return transport.ErrClosed
	case is(err, kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed):
		code = transport.CodePermissionDenied
	case is(err, kerr.SaslAuthenticationFailed, kerr.IllegalSaslState, kerr.UnsupportedSaslMechanism):
		code = transport.CodeUnauthenticated
	case is(err, kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.ThrottlingQuotaExceeded, kgo.ErrMaxBuffered):
		code = transport.CodeResourceExhausted
	case is(err, kerr.PolicyViolation, kerr.InvalidReplicationFactor, kerr.InvalidPartitions, kerr.InvalidTopicException, kerr.InvalidConfig, kerr.InvalidSessionTimeout):
		code = transport.CodeFailedPrecondition
	}
	return code.Errorf("%w", err)
}

func is(err error, targets ...error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}

// fatal reports whether an error of a binding will not pass by itself.
func fatal(err error) bool {
	return is(err, kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.SaslAuthenticationFailed,
		kerr.InvalidSessionTimeout, kerr.InconsistentGroupProtocol, kerr.GroupMaxSizeReached)
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n]
}
