package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/polywire/polywire/transport"
)

// A Compress makes the middleware of a transport that compresses; zero values
// stand for the middleware's defaults. compress.Configure is one. It is a
// function, so that a program which does not compress links no compression.
type Compress func(algorithm string, threshold int, agreed bool) (
	in func(transport.Handler) transport.Handler, out func(transport.Outbound) transport.Outbound, err error)

// agreedSuffix ends the text of a compression that all peers must have.
const agreedSuffix = ", agreed"

// compressKeys are those of a transport's compress.
var compressKeys = []string{"algorithm", "threshold", "agreed"}

// A compression is what a transport's compress says.
type compression struct {
	algorithm string
	threshold int // bytes; 0 is the middleware's default
	agreed    bool
}

// String is for people: "zstd from 1KiB on, agreed"; empty for none.
func (c *compression) String() string {
	if c == nil {
		return ""
	}
	text := c.algorithm
	if c.threshold > 0 {
		text += " from " + formatSize(c.threshold) + " on"
	}
	if c.agreed {
		text += agreedSuffix
	}
	return text
}

// compression reads the compress that stands in v; nil for none.
func (d *decoder) compression(v *value, path string) *compression {
	in := v.get("compress")
	if in == nil || in.kind == null && !d.final {
		return nil
	}
	path += ".compress"
	if in.kind == null {
		d.add(in.position, path, "is empty: say how, as {algorithm: zstd}, or leave the key out")
		return nil
	}
	if !d.keys(in, path, compressKeys) {
		return nil
	}
	make := d.config.options.Compress
	if make == nil {
		d.add(in.position, path, "this program is built without compression: give config.Options a Compress, as compress.Configure")
		return nil
	}
	c := new(compression)
	if a := in.get("algorithm"); a != nil {
		c.algorithm, _ = d.checked(a, path+".algorithm", func(name string) error { return usable(make(name, 0, false)) })
	} else if d.final {
		d.add(in.position, path+".algorithm", "is missing: say how to compress, as algorithm: zstd")
	}
	if t := in.get("threshold"); t != nil {
		d.checked(t, path+".threshold", func(text string) (err error) {
			if c.threshold, err = parseSize(text); err == nil {
				err = usable(make("", c.threshold, false))
			}
			return err
		})
	}
	if a := in.get("agreed"); a != nil {
		d.checked(a, path+".agreed", func(text string) error {
			c.agreed = text == "true"
			if text != "true" && text != "false" {
				return fmt.Errorf("%s is neither true nor false", d.show(text))
			}
			return nil
		})
	}
	return c
}

// usable keeps the error of a Compress alone.
func usable(_ func(transport.Handler) transport.Handler, _ func(transport.Outbound) transport.Outbound, err error) error {
	return err
}

// compressed puts the middleware of w around opts: inflated bodies are what the
// caller's own middleware sees, in both directions.
func (c *Config) compressed(w *wire, opts []transport.Option) ([]transport.Option, error) {
	if w.compress == nil {
		return opts, nil
	}
	in, out, err := c.options.Compress(w.compress.algorithm, w.compress.threshold, w.compress.agreed)
	if err != nil {
		return nil, err
	}
	all := append([]transport.Option{transport.WithInbound(in)}, opts...)
	return append(all, transport.WithOutbound(out)), nil
}

// sizes are the units of a size, the largest first.
var sizes = [...]struct {
	unit  string
	bytes int
}{{"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

func parseSize(text string) (int, error) {
	for _, s := range sizes {
		number, ok := strings.CutSuffix(text, s.unit)
		if !ok {
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 20); err == nil && n > 0 {
			return int(n) * s.bytes, nil
		}
		break
	}
	return 0, errors.New("is no size: write a whole number and its unit, as \"512B\", \"1KiB\" or \"2MiB\"")
}

func formatSize(n int) string {
	for _, s := range sizes {
		if n%s.bytes == 0 {
			return strconv.Itoa(n/s.bytes) + s.unit
		}
	}
	return ""
}
