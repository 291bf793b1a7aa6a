//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package unary

import (
	"errors"
	"syscall"
)

// putAt writes what the system takes now.
func (s *socket) putAt(fd uintptr) bool {
	for s.n < len(s.now) {
		n, err := syscall.Write(int(fd), s.now[s.n:]) //nolint:gosec // a descriptor
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return true
		case err != nil:
			s.err = err
			return true
		}
		s.n += n
	}
	return true
}
