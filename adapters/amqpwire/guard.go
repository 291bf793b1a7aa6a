package amqpwire

import (
	"bufio"
	"encoding/binary"
	"fmt"
)

const (
	frameHeader = 7 // type, channel, size
	frameEnd    = 1
	typeMethod  = 1
	typeHeader  = 2  // of a content header frame
	leadSize    = 12 // class, method or weight, and a number
	classBasic  = 60
	methodAck   = 80
	methodNack  = 120

	flagContentType     = 1 << 15 // of the properties that come before the headers
	flagContentEncoding = 1 << 14
	flagHeaders         = 1 << 13
	maxItems            = 4096 // of one table or array that is read; the library refuses 8192
)

// A guard reads a connection's frames and refuses what the client library would
// follow without end: a body of more than limit, and a confirm of what was never
// published, up to which it counts.
//
//	type channel size | class method tag …                      | end     method frame
//	type channel size | class weight bodysize flags properties… | end     header frame
//
// A table of headers that the library would take for an error of the connection,
// as one that is nested 33 deep, it makes unreadable but harmless: any publisher
// can write one, and it would come again to each new connection.
type guard struct {
	in        *bufio.Reader
	limit     uint64
	published func() uint64 // how many messages this connection wrote
	left      uint64        // bytes of the frame in progress that may be read
}

func (g *guard) Read(b []byte) (int, error) {
	if g.left == 0 {
		if err := g.next(); err != nil {
			return 0, err
		}
	}
	n, err := g.in.Read(b[:min(g.left, uint64(len(b)))])
	g.left -= uint64(n)
	return n, err
}

// next looks at the frame that begins.
func (g *guard) next() error {
	head, err := g.in.Peek(frameHeader)
	if err != nil {
		return err
	}
	kind, size := head[0], binary.BigEndian.Uint32(head[3:])
	if size > frameMax {
		return fmt.Errorf("the broker declares a frame of %d bytes: at most %d", size, frameMax)
	}
	g.left = frameHeader + uint64(size) + frameEnd
	if size < leadSize || kind != typeMethod && kind != typeHeader {
		return nil
	}
	look := frameHeader + leadSize
	if kind == typeHeader {
		look = frameHeader + int(size)
	}
	frame, err := g.in.Peek(look)
	if err != nil {
		return err
	}
	return g.check(kind, frame[frameHeader:])
}

// check may change payload, which lies in the buffer that is read next.
func (g *guard) check(kind byte, payload []byte) error {
	n := binary.BigEndian.Uint64(payload[4:])
	if kind == typeHeader {
		if n > g.limit {
			return fmt.Errorf("the broker declares a body of %d bytes: at most %d", n, g.limit)
		}
		if table := headersOf(payload[leadSize:]); table != nil && !readable(table, 0) {
			veil(table)
		}
		return nil
	}
	class, method := binary.BigEndian.Uint16(payload), binary.BigEndian.Uint16(payload[2:])
	if class == classBasic && (method == methodAck || method == methodNack) && n > g.published() {
		return fmt.Errorf("the broker confirms message %d, which was not published", n)
	}
	return nil
}

// headersOf finds the table in a list of properties; nil where there is none, or no whole one.
func headersOf(b []byte) []byte {
	if len(b) < 2 {
		return nil
	}
	flags := binary.BigEndian.Uint16(b)
	b = b[2:]
	for _, flag := range [...]uint16{flagContentType, flagContentEncoding} {
		if flags&flag == 0 {
			continue
		}
		if len(b) < 1 || len(b) < 1+int(b[0]) {
			return nil
		}
		b = b[1+int(b[0]):]
	}
	if flags&flagHeaders == 0 {
		return nil
	}
	table, _, _ := sized(b)
	return table
}

// sized cuts off what begins with its length in four bytes.
func sized(b []byte) (inner, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if b = b[4:]; uint64(n) > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// readable reports whether the library takes the inside of a table.
func readable(table []byte, depth int) bool {
	for items := 0; len(table) > 0; items++ {
		if items == maxItems || len(table) < 1+int(table[0]) {
			return false
		}
		var ok bool
		if table, ok = field(table[1+int(table[0]):], depth); !ok {
			return false
		}
	}
	return true
}

// field skips one value with its type.
func field(b []byte, depth int) (rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, false
	}
	kind, b := b[0], b[1:]
	if kind == 'S' || kind == 'x' || kind == 'A' || kind == 'F' {
		return sizedField(kind, b, depth)
	}
	size := fixedSize(kind)
	if size < 0 || size > len(b) {
		return nil, false
	}
	return b[size:], true
}

// fixedSize is how many bytes a value of the type takes; negative for a type that the library does not know.
func fixedSize(kind byte) int {
	switch kind {
	case 'V':
		return 0
	case 't', 'B', 'b':
		return 1
	case 's', 'u':
		return 2
	case 'I', 'i', 'f':
		return 4
	case 'D':
		return 5
	case 'l', 'd', 'T':
		return 8
	}
	return -1
}

func sizedField(kind byte, b []byte, depth int) (rest []byte, ok bool) {
	inner, rest, ok := sized(b)
	switch {
	case !ok || depth == maxDepth && (kind == 'A' || kind == 'F'):
		return nil, false
	case kind == 'F':
		return rest, readable(inner, depth+1)
	case kind == 'A':
		for items := 0; len(inner) > 0; items++ {
			if inner, ok = field(inner, depth+1); !ok || items == maxItems {
				return nil, false
			}
		}
	}
	return rest, true
}

// veil makes the table one of the same length that says nothing: bytes without a
// name, or, where there is no room for those, names without a value.
func veil(table []byte) {
	const name, kind, length = 1, 1, 4
	clear(table)
	switch n := len(table); {
	case n >= name+kind+length:
		table[name] = 'x'
		binary.BigEndian.PutUint32(table[name+kind:], uint32(n-name-kind-length))
	case n%2 == 0:
		for i := name; i < n; i += name + kind {
			table[i] = 'V'
		}
	case n > 1: // the first name has the odd byte
		table[0], table[2] = 1, 'V'
		if n > 3 {
			table[4] = 'V'
		}
	}
}
