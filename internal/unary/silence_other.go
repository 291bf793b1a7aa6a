//go:build !linux

package unary

import (
	"syscall"
	"time"
)

// limitSilence does nothing: the system has no limit of its own for a socket, and pings tell later.
func limitSilence(syscall.RawConn, time.Duration) {}
