package amqpwire

import (
	"context"
	"errors"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/polywire/polywire/transport"
)

// errSessionClosed is why nothing new starts on connections that are being given up.
var errSessionClosed error = transport.CodeUnavailable.Errorf("the connection to the broker was lost")

// errRepliesLost ends a session whose requests would wait for replies that have no queue any more.
var errRepliesLost error = transport.CodeUnavailable.Errorf("the broker took the queue of replies away")

// wireError gives an error of the client library, or of the broker, its code.
func wireError(err error) error {
	var e *amqp.Error
	var done *transport.Error
	if err == nil || errors.As(err, &done) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &e) {
		return err
	}
	code := transport.CodeUnavailable
	switch e.Code {
	case amqp.AccessRefused, amqp.NotAllowed:
		code = transport.CodePermissionDenied
	case amqp.PreconditionFailed:
		code = transport.CodeFailedPrecondition
	case amqp.ContentTooLarge:
		code = transport.CodeResourceExhausted
	}
	if !e.Server {
		return code.Errorf("the connection to the broker was lost: %w", err)
	}
	return code.Errorf("the broker says: %w", err)
}

// openError is wireError for the handshake, where a refusal is about who we are.
func openError(err error) error {
	var e *amqp.Error
	if !errors.As(err, &e) {
		return transport.CodeUnavailable.Errorf("no broker answers: %w", err)
	}
	if guess := errors.Is(err, amqp.ErrCredentials) || errors.Is(err, amqp.ErrVhost); guess && !e.Server { // of the library, for a broker that says nothing
		return transport.CodeUnavailable.Errorf("the connection was lost while the broker looked at the user, the password and the virtual host: try again, and look at those if it stays so")
	}
	if e.Code == amqp.AccessRefused {
		return transport.CodeUnauthenticated.Errorf("the broker refuses the user or the password: %w", err)
	}
	return wireError(err)
}

// lostWith reports whether err tells that the connection is gone.
func lostWith(err error) bool {
	return errors.Is(err, errSessionClosed) || errors.Is(err, amqp.ErrClosed)
}

// permanent reports whether an answer of the broker will be the same next time, so that a binding is lost.
func permanent(err error) bool {
	return errors.Is(err, transport.CodePermissionDenied) || errors.Is(err, transport.CodeFailedPrecondition)
}

func brokerCode(err error) int {
	var e *amqp.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}
