//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package http1

import (
	"errors"
	"syscall"
)

// quiet reports whether a free connection is open and has nothing to read, by a look at its
// socket. A server that has closed it, or says something unasked, would answer the next request with an error.
func (n *conn) quiet() bool {
	if n.raw == nil {
		return true
	}
	n.open = false
	return n.raw.Read(n.peek) == nil && n.open
}

func (n *conn) peekAt(fd uintptr) bool {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	n.open = errors.Is(err, syscall.EAGAIN)
	return true
}
