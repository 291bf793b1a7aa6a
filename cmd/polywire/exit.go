package main

import (
	"context"
	"errors"

	"github.com/polywire/polywire/transport"
)

const (
	exitOK          = 0
	exitUsage       = 2
	exitConnect     = 3
	exitTimeout     = 4
	exitReply       = 5
	exitCodec       = 6
	exitConformance = 7
	exitThreshold   = 8
	exitInterrupted = 130 // of a run that an interrupt left without a result, as shells count SIGINT
)

// An exitError is an error with the exit code that it asks for.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func usage(err error) error      { return &exitError{exitUsage, err} }
func codecError(err error) error { return &exitError{exitCodec, err} }

// exitCode is the process's, for what a command returned. What no command wrapped is a
// *transport.Error that was made before anything was written, or cobra's own.
func exitCode(err error) int {
	var chosen *exitError
	var failed *transport.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &chosen):
		return chosen.code
	case errors.As(err, &failed) && failed.Code == transport.CodeUnavailable:
		return exitConnect
	case errors.As(err, &failed) && failed.Code == transport.CodeDeadlineExceeded:
		return exitTimeout
	}
	return exitUsage
}

// replied gives the error of a call its exit code. Unavailable and DeadlineExceeded keep that of
// exitCode, whoever says so: nobody did the work, or it is not known.
func replied(ctx context.Context, err error, reached bool) error {
	var failed *transport.Error
	switch {
	case err != nil && ctx.Err() != nil && errors.Is(err, transport.CodeCanceled):
		return nil // interrupted by whoever started it
	case !reached || !errors.As(err, &failed) || failed.Code == transport.CodeUnavailable || failed.Code == transport.CodeDeadlineExceeded:
		return err
	}
	return &exitError{exitReply, err}
}
