package grpcstub

import (
	"errors"
	"sync"

	"google.golang.org/grpc/metadata"

	"github.com/polywire/polywire/transport"
)

// A serverStream collects the metadata of a reply, for grpc.SetHeader and its
// siblings. Nothing leaves before the reply does; what comes after it is refused, as gRPC does.
type serverStream struct {
	method string

	mu              sync.Mutex // guards the fields below
	header, trailer metadata.MD
	sent            bool // SendHeader was called, or the reply was made
	done            bool // the reply was made
}

var errSent = errors.New("grpcstub: the header was sent already")

// Method is that of grpc.Method.
func (s *serverStream) Method() string { return s.method }

// SetHeader adds to the metadata that comes before the reply.
func (s *serverStream) SetHeader(md metadata.MD) error { return s.addHeader(md, false) }

// SendHeader is the last that adds to it.
func (s *serverStream) SendHeader(md metadata.MD) error { return s.addHeader(md, true) }

func (s *serverStream) addHeader(md metadata.MD, last bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sent {
		return errSent
	}
	s.header = metadata.Join(s.header, md)
	s.sent = last
	return nil
}

// SetTrailer adds to the metadata that comes after the reply.
func (s *serverStream) SetTrailer(md metadata.MD) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return errSent
	}
	s.trailer = metadata.Join(s.trailer, md)
	return nil
}

// write puts all of it into the header of the reply.
func (s *serverStream) write(h *transport.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent, s.done = true, true
	for key, values := range s.header {
		for _, value := range values {
			add(h, key, value)
		}
	}
	for key, values := range s.trailer {
		for _, value := range values {
			add(h, trailerPrefix+key, value)
		}
	}
}
