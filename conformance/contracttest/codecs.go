package contracttest

import (
	"bytes"
	"encoding/gob"
	"errors"
	"sync/atomic"

	"github.com/polywire/polywire/codecs"
)

// other is the suite's own format.
type other struct{}

const otherType = "application/x-polywire-contracttest"

func (other) Name() string        { return "contracttest" }
func (other) ContentType() string { return otherType }

func (other) Append(dst []byte, v any) ([]byte, error) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(v); err != nil {
		return dst, err
	}
	return append(dst, b.Bytes()...), nil
}

func (other) Decode(src []byte, v any) error {
	r := bytes.NewReader(src)
	if err := gob.NewDecoder(r).Decode(v); err != nil {
		return err
	}
	if r.Len() > 0 {
		return errors.New("trailing bytes")
	}
	return nil
}

// counted counts what is decoded.
type counted struct {
	codecs.Codec
	n *atomic.Int32
}

func (c counted) Decode(src []byte, v any) error {
	c.n.Add(1)
	return c.Codec.Decode(src, v)
}

// panics stands for a codec with a bug, in one direction.
type panics struct {
	codecs.Codec
	append, decode bool
}

func (p panics) Append(dst []byte, v any) ([]byte, error) {
	if p.append {
		panic("a bug in Append: " + secret)
	}
	return p.Codec.Append(dst, v)
}

func (p panics) Decode(src []byte, v any) error {
	if p.decode {
		panic("a bug in Decode: " + secret)
	}
	return p.Codec.Decode(src, v)
}

// secret is what must not be found in an error.
const secret = "hunter2"
