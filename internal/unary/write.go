package unary

import (
	"encoding/base64"
	"encoding/binary"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
)

const (
	frameHead = 9
	chunk     = 16 << 10 // of a large message at a time, so that small ones need not wait for it
	maxTurns  = 4        // of a caller that writes for others
)

// flush writes what is in out, unless somebody does so already. Called with c.mu held, returns with it held.
//
// Who begins lets others go first, if there are some: so one write serves all of them.
func (c *Conn) flush() {
	if c.leading || len(c.out) == 0 {
		return
	}
	c.leading = true
	if c.active > 1 {
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
	}
	for turn := 0; len(c.out) > 0 && c.failed == nil && !c.sock.behind(); turn++ {
		if turn == maxTurns {
			c.sock.wake()
			break
		}
		out := c.out
		c.out, c.spare = c.spare[:0], nil
		c.mu.Unlock()
		_, err := c.net.Write(out)
		c.mu.Lock()
		if cap(out) <= maxKept {
			c.spare = out[:0]
		}
		if err != nil {
			c.fail(err)
		}
		c.resume()
	}
	c.leading = false
}

// resume lets those go on who waited for room in out. Called with c.mu held.
func (c *Conn) resume() {
	if len(c.out) >= maxOut {
		return
	}
	c.grant()
	kept := c.blocked[:0]
	for _, x := range c.blocked {
		if c.takes(x) {
			x.blocked = false
			x.wake()
		} else {
			kept = append(kept, x)
		}
	}
	clear(c.blocked[len(kept):])
	c.blocked = kept
}

// write is the goroutine that writes what the system did not take at once, and what no caller waits for.
func (c *Conn) write() {
	for range c.sock.kick {
		err := c.sock.drain()
		c.mu.Lock()
		if err != nil {
			c.fail(err)
		}
		if c.failed != nil {
			c.mu.Unlock()
			return
		}
		c.resume()
		c.flush()
		c.mu.Unlock()
	}
}

// appendHead writes the header of a call, after which its message follows. Called with c.mu held, as all that follows.
func (c *Conn) appendHead(q *Request, x *exchange) {
	start := len(c.out)
	c.startFrame(http2.FrameHeaders, 0, x.id)
	e := c.encoder
	b := e.begin(c.out)
	b = append(b, 0x83, 0x86) // POST, http
	if c.cfg.Scheme == "https" {
		b[len(b)-1] = 0x87
	}
	b = e.put(b, ":path", q.Path)
	b = e.put(b, ":authority", c.cfg.Authority)
	b = e.put(b, "te", "trailers")
	if q.Timeout > 0 {
		b = e.put(b, "grpc-timeout", timeout(q.Timeout))
	}
	b = e.put(b, "content-type", q.ContentType)
	b = e.put(b, "user-agent", c.cfg.UserAgent)
	b = e.put(b, "grpc-accept-encoding", "gzip")
	for i := 0; i < len(q.Fields); i += 2 {
		b = e.put(b, q.Fields[i], textOf(q.Fields[i], q.Fields[i+1]))
	}
	c.out = b
	c.endHead(start, x.id)
}

// endHead completes the frame that begins at start, and cuts it where it is longer than the server takes.
func (c *Conn) endHead(start int, id uint32) {
	block := len(c.out) - start - frameHead
	if block <= c.frame {
		c.endFrame(start, http2.FlagHeadersEndHeaders)
		return
	}
	rest := append([]byte(nil), c.out[start+frameHead+c.frame:]...)
	c.out = c.out[:start+frameHead+c.frame]
	c.endFrame(start, 0)
	for len(rest) > 0 {
		n, flags := min(len(rest), c.frame), http2.Flags(0)
		if n == len(rest) {
			flags = http2.FlagContinuationEndHeaders
		}
		start := len(c.out)
		c.startFrame(http2.FrameContinuation, flags, id)
		c.out = append(c.out, rest[:n]...)
		c.endFrame(start, flags)
		rest = rest[n:]
	}
}

// appendData writes as much of x's message as the server takes now.
func (c *Conn) appendData(x *exchange) {
	for !x.sent && !x.over && len(c.out) < maxOut {
		size := len(x.rest)
		if x.unframed {
			size += 5
		}
		n := min(int64(min(size, c.frame, chunk)), c.window, x.window)
		if !c.takes(x) {
			return
		}
		x.window -= n
		c.window -= n
		start := len(c.out)
		c.startFrame(http2.FrameData, 0, x.id)
		if x.unframed {
			c.out = binary.BigEndian.AppendUint32(append(c.out, 0), uint32(len(x.rest))) //nolint:gosec // the core bounds bodies
			x.unframed = false
			n -= 5
		}
		c.out = append(c.out, x.rest[:n]...)
		flags := http2.Flags(0)
		if x.rest = x.rest[n:]; len(x.rest) == 0 {
			x.sent, flags = true, http2.FlagDataEndStream
		}
		c.endFrame(start, flags)
	}
}

// takes reports whether the server takes some of x's message: its length at least, which is not sent in parts.
func (c *Conn) takes(x *exchange) bool {
	n := min(c.window, x.window)
	return n >= 5 || n > 0 && !x.unframed
}

// textOf is what carries the value of a field.
func textOf(key, value string) string {
	if strings.HasSuffix(key, binarySuffix) {
		return base64.RawStdEncoding.EncodeToString([]byte(value))
	}
	return value
}

// reset tells the server that nobody waits for x any more.
func (c *Conn) reset(x *exchange, code http2.ErrCode) {
	if x.id == 0 || x.over {
		return
	}
	start := len(c.out)
	c.startFrame(http2.FrameRSTStream, 0, x.id)
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(code))
	c.endFrame(start, 0)
}

func (c *Conn) startFrame(kind http2.FrameType, flags http2.Flags, id uint32) {
	c.out = binary.BigEndian.AppendUint32(append(c.out, 0, 0, 0, byte(kind), byte(flags)), id)
}

func (c *Conn) endFrame(start int, flags http2.Flags) {
	n := len(c.out) - start - frameHead
	head := c.out[start:]
	head[0], head[1], head[2], head[4] = byte(n>>16), byte(n>>8), byte(n), byte(flags) //nolint:gosec // 24 bits
}

func (c *Conn) appendSettings() {
	start := len(c.out)
	c.startFrame(http2.FrameSettings, 0, 0)
	for _, s := range []http2.Setting{
		{ID: http2.SettingEnablePush, Val: 0},
		{ID: http2.SettingInitialWindowSize, Val: uint32(c.cfg.Window)},  //nolint:gosec // a config
		{ID: http2.SettingMaxHeaderListSize, Val: uint32(c.cfg.Headers)}, //nolint:gosec // a config
	} {
		c.out = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(c.out, uint16(s.ID)), s.Val)
	}
	c.endFrame(start, 0)
}

func (c *Conn) appendSettingsAck() { c.startFrame(http2.FrameSettings, http2.FlagSettingsAck, 0) }

func (c *Conn) appendWindow(id uint32, n int) {
	start := len(c.out)
	c.startFrame(http2.FrameWindowUpdate, 0, id)
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(n)) //nolint:gosec // a window
	c.endFrame(start, 0)
}

func (c *Conn) appendPing(ack bool, data [8]byte) {
	flags := http2.Flags(0)
	if ack {
		flags = http2.FlagPingAck
	}
	start := len(c.out)
	c.startFrame(http2.FramePing, flags, 0)
	c.out = append(c.out, data[:]...)
	c.endFrame(start, flags)
}

func (c *Conn) appendGoAway() {
	start := len(c.out)
	c.startFrame(http2.FrameGoAway, 0, 0)
	c.out = append(c.out, 0, 0, 0, 0, 0, 0, 0, 0) // no stream of the server's, no error
	c.endFrame(start, 0)
}

// timeout writes a time as grpc-timeout has it: eight digits at most, and never less than there is.
func timeout(d time.Duration) string {
	const most = 99_999_999
	for _, u := range [...]struct {
		in   time.Duration
		name string
	}{{time.Microsecond, "u"}, {time.Millisecond, "m"}, {time.Second, "S"}, {time.Minute, "M"}} {
		if n := (d-1)/u.in + 1; n <= most {
			return strconv.FormatInt(int64(n), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(d/time.Hour), 10) + "H"
}
