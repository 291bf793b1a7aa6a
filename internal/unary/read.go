package unary

import (
	"errors"
	"fmt"
	"io"
	"math"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A reader is what the goroutine has that reads.
type reader struct {
	framer  *http2.Framer
	decoder *hpack.Decoder
	fields  gathering
	block   struct { // a header block of which not all is here
		id    uint32
		ends  bool // the call
		bytes int
	}
	unacked int // bytes of the connection that the server has not been given back
}

// read is the goroutine that reads.
func (c *Conn) read() {
	for {
		f, err := c.framer.ReadFrame()
		if err == nil {
			err = c.on(f)
		}
		c.mu.Lock()
		if err == nil && len(c.out) > maxFlood {
			err = errFlood
		}
		if err != nil {
			c.fail(reason(err))
			c.mu.Unlock()
			return
		}
		if len(c.out) > 0 && !c.leading {
			c.sock.wake()
		}
		c.mu.Unlock()
	}
}

// reason names what ended the connection, without what the server sent.
func reason(err error) error {
	var stream http2.StreamError
	var conn http2.ConnectionError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case errors.As(err, &stream):
		return fmt.Errorf("%w: %v", errProtocol, stream.Code)
	case errors.As(err, &conn):
		return fmt.Errorf("%w: %v", errProtocol, http2.ErrCode(conn))
	}
	return err
}

// on acts on a frame. An error ends the connection.
func (c *Conn) on(f http2.Frame) error {
	switch f := f.(type) {
	case *http2.DataFrame:
		return c.onData(f)
	case *http2.HeadersFrame:
		c.block.id, c.block.ends, c.block.bytes = f.StreamID, f.StreamEnded(), 0
		return c.onBlock(f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.ContinuationFrame:
		return c.onBlock(f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.PushPromiseFrame:
		return http2.ConnectionError(http2.ErrCodeProtocol) // it was told not to
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch f := f.(type) {
	case *http2.RSTStreamFrame:
		return c.onReset(f)
	case *http2.SettingsFrame:
		return c.onSettings(f)
	case *http2.PingFrame:
		if !f.IsAck() {
			c.appendPing(true, f.Data)
		}
	case *http2.GoAwayFrame:
		return c.onGoAway(f)
	case *http2.WindowUpdateFrame:
		return c.onWindow(f)
	}
	return nil // and what is not known means nothing
}

// frameCost is counted for each frame of a block, so that empty ones end too.
const frameCost = 64

func (c *Conn) onBlock(fragment []byte, ends bool) error {
	if c.block.bytes += len(fragment) + frameCost; c.block.bytes > c.cfg.Headers+minFrame {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	if _, err := c.decoder.Write(fragment); err != nil {
		return http2.ConnectionError(http2.ErrCodeCompression)
	}
	if !ends {
		return nil
	}
	if err := c.decoder.Close(); err != nil {
		return http2.ConnectionError(http2.ErrCodeCompression)
	}
	h := c.fields.take(c.block.ends)
	c.mu.Lock()
	defer c.mu.Unlock()
	x, err := c.find(c.block.id)
	if x != nil {
		c.onHead(x, h)
	}
	return err
}

// find returns the call of an id; nil where that is over. An id that no call had is an error.
func (c *Conn) find(id uint32) (*exchange, error) {
	if id%2 == 0 || id >= c.next {
		return nil, http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return c.live[id], nil
}

func (c *Conn) onHead(x *exchange, h *head) {
	if h.broken != nil {
		c.give(x, h.broken, http2.ErrCodeProtocol)
		return
	}
	switch ends := c.block.ends; {
	case x.header == nil && !h.native:
		if s, final := h.foreign(); final {
			c.give(x, s, http2.ErrCodeCancel)
		} else if ends {
			c.give(x, status.New(codes.Internal, "the server ended the call by an interim response"), http2.ErrCodeProtocol)
		}
	case ends:
		x.trailer = h
		if !x.sent { // it wants no more of the message
			c.reset(x, http2.ErrCodeNo)
		}
		c.end(x, nil)
	case x.header == nil:
		x.header = h
	default:
		c.give(x, status.New(codes.Internal, "the server sent a second header"), http2.ErrCodeProtocol)
	}
}

func (c *Conn) onData(f *http2.DataFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := int(f.Length)                             // with padding
	if c.unacked += size; c.unacked >= c.cfg.Window { // what comes is taken at once
		c.appendWindow(0, c.unacked)
		c.unacked = 0
	}
	x, err := c.find(f.StreamID)
	if x == nil {
		return err
	}
	x.taken += size
	switch problem := x.body.take(f.Data()); {
	case x.header == nil:
		c.give(x, status.New(codes.Internal, "the server sent a message before the header"), http2.ErrCodeProtocol)
	case problem != nil:
		c.give(x, problem, http2.ErrCodeCancel)
	case f.StreamEnded():
		c.give(x, status.New(codes.Internal, "the server ended the call without a status"), http2.ErrCodeNo)
	case x.taken >= c.cfg.Window/2:
		c.appendWindow(x.id, x.taken)
		x.taken = 0
	}
	return nil
}

func (c *Conn) onReset(f *http2.RSTStreamFrame) error {
	x, err := c.find(f.StreamID)
	if x == nil {
		return err
	}
	if f.ErrCode == http2.ErrCodeRefusedStream {
		c.end(x, ErrRefused)
		return nil
	}
	code := codes.Internal
	switch f.ErrCode {
	case http2.ErrCodeCancel:
		code = codes.Canceled
	case http2.ErrCodeFlowControl, http2.ErrCodeEnhanceYourCalm:
		code = codes.ResourceExhausted
	case http2.ErrCodeInadequateSecurity:
		code = codes.PermissionDenied
	}
	x.failed = status.Newf(code, "the server ended the call by RST_STREAM, %v", f.ErrCode)
	c.end(x, nil)
	return nil
}

func (c *Conn) onSettings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	if err := f.ForeachSetting(c.onSetting); err != nil {
		return err
	}
	c.appendSettingsAck()
	c.resume()
	return nil
}

func (c *Conn) onSetting(s http2.Setting) error {
	if err := s.Valid(); err != nil {
		return err
	}
	switch s.ID {
	case http2.SettingHeaderTableSize:
		c.encoder.resize(s.Val)
	case http2.SettingMaxConcurrentStreams:
		c.most = int(min(int64(c.cfg.Streams), int64(s.Val)))
	case http2.SettingMaxFrameSize:
		c.frame = int(s.Val)
	case http2.SettingMaxHeaderListSize:
		c.headers = int(min(s.Val, math.MaxInt32))
	case http2.SettingInitialWindowSize:
		delta := int64(s.Val) - c.initial
		c.initial = int64(s.Val)
		for _, x := range c.live {
			if x.window += delta; x.window > maxWindow {
				return http2.ConnectionError(http2.ErrCodeFlowControl)
			}
		}
	}
	return nil
}

func (c *Conn) onWindow(f *http2.WindowUpdateFrame) error {
	if f.StreamID == 0 {
		if c.window += int64(f.Increment); c.window > maxWindow {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
		c.resume()
		return nil
	}
	x, err := c.find(f.StreamID)
	if x == nil {
		return err
	}
	if x.window += int64(f.Increment); x.window > maxWindow {
		c.give(x, status.New(codes.Internal, "the server takes more than HTTP/2 allows"), http2.ErrCodeFlowControl)
		return nil
	}
	c.resume()
	return nil
}

// onGoAway takes the server's word that it wants no more calls, and did nothing with those above an id.
func (c *Conn) onGoAway(f *http2.GoAwayFrame) error {
	if f.LastStreamID > c.last || f.LastStreamID != 0 && f.LastStreamID%2 == 0 {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	c.last = f.LastStreamID
	c.leave()
	for id, x := range c.live {
		if id > c.last {
			c.end(x, ErrUnsent)
		}
	}
	return nil
}
