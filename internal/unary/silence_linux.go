package unary

import (
	"syscall"
	"time"
)

const tcpUserTimeout = 0x12 // TCP_USER_TIMEOUT of linux/tcp.h

// limitSilence ends the connection once what was written is not acknowledged for so long: the peer's machine is gone.
func limitSilence(raw syscall.RawConn, d time.Duration) {
	_ = raw.Control(func(fd uintptr) { // what has no such option, as a socket of Unix, needs none
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(d.Milliseconds())) //nolint:gosec // a descriptor
	})
}
