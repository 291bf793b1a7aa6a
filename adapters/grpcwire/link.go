package grpcwire

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/transport"
)

// A clientStream is a stream of the bus that this side opened.
type clientStream struct {
	grpc.ClientStream
	a      *adapter
	c      *conn
	ctx    context.Context
	cancel context.CancelFunc
	once   sync.Once

	foreign bool // the failure is the answer of a server that is no node; written by failure
}

// newStream opens a stream by c, of which it is a use, and sends its first message. It ends with ctx or by done.
func (a *adapter) newStream(ctx context.Context, c *conn, method string, first []byte) (*clientStream, error) {
	desc := &grpc.StreamDesc{ServerStreams: true, ClientStreams: method == busAttach}
	s := &clientStream{a: a, c: c}
	s.ctx, s.cancel = context.WithCancel(ctx)
	pairs, err := a.shown(s.ctx, []string{messageKey, ""}, c.to)
	if err != nil {
		s.done()
		return nil, err
	}
	s.ClientStream, err = c.cc.NewStream(withMetadata(s.ctx, pairs...), desc, method, grpc.ForceCodecV2(passThrough{}), received(a.setup.MaxBody+a.limits.around+a.limits.batch))
	if err == nil {
		err = s.SendMsg(&payload{data: first, owned: true})
	}
	if errors.Is(err, io.EOF) { // refused before it was read: receive tells why, and whether a node says so
		err = nil
	}
	if err == nil && !desc.ClientStreams {
		err = s.CloseSend()
	}
	if err != nil {
		err = s.failure(err)
		s.done()
		return nil, err
	}
	return s, nil
}

func (s *clientStream) receive(in *payload) error {
	if err := s.RecvMsg(in); err != nil {
		return s.failure(err)
	}
	return nil
}

// failure is what err, of the stream, means to who asked for it.
func (s *clientStream) failure(err error) error {
	st, ok := status.FromError(err)
	var trailer metadata.MD
	if s.ClientStream != nil && ok {
		trailer = s.Trailer()
	}
	switch {
	case s.a.isClosed():
		return transport.ErrClosed
	case s.ctx.Err() != nil:
		return s.ctx.Err()
	case !ok:
		return transport.CodeUnavailable.Errorf("%s ended the stream: %w", s.c.host, err)
	case st.Code() == codes.Unavailable && len(trailer) == 0:
		return transport.CodeUnavailable.Errorf("%s gave no answer: %s", s.c.host, st.Message())
	}
	s.foreign = first(trailer, nodeKey) == ""
	return errorOf(st, trailer)
}

func (s *clientStream) done() {
	s.once.Do(func() {
		s.cancel()
		s.c.done()
	})
}

// dialLink makes one attempt to link to an endpoint. A server that knows nothing of polywire is linked as long as its connection lives.
func (a *adapter) dialLink(ctx context.Context, at attach.Place) (*attach.Link, error) {
	life, end := context.WithCancel(a.base)
	l := attach.NewLink(end)
	stop, quit := context.AfterFunc(ctx, end), context.AfterFunc(a.opening, end)
	c, s, err := a.openLink(life, at)
	late, closed := !stop(), !quit()
	switch {
	case closed:
		err = transport.ErrClosed
	case late:
		err = ctx.Err()
	}
	if err == nil && a.spawn(func() { l.Fail(a.watch(life, c, s)) }) {
		return l, nil
	}
	end()
	if s != nil {
		s.done()
	} else if c != nil {
		c.done()
	}
	if err == nil {
		err = transport.ErrClosed
	}
	return nil, err
}

// openLink returns a connection in use, and a stream by it where the server has such.
func (a *adapter) openLink(ctx context.Context, at attach.Place) (*conn, *clientStream, error) {
	c, err := a.stream(ctx, at)
	if err != nil {
		return nil, nil, err
	}
	s, err := a.newStream(ctx, c, busLink, nil)
	if err != nil {
		return nil, nil, err
	}
	if err = s.receive(&payload{}); err == nil {
		return c, s, nil
	}
	s.done()
	if !s.foreign {
		return nil, nil, err
	}
	c, err = a.stream(ctx, at)
	return c, nil, err
}

// watch returns why a link has ended.
func (a *adapter) watch(ctx context.Context, c *conn, s *clientStream) error {
	if s == nil {
		defer c.done()
		select {
		case <-c.lost:
			return transport.CodeUnavailable.Errorf("%s closed the connection", c.host)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer s.done()
	silence := time.AfterFunc(a.limits.silence, s.cancel)
	defer silence.Stop()
	for {
		if err := s.receive(&payload{}); err != nil {
			return err
		}
		silence.Reset(a.limits.silence)
	}
}
