package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/transport"
)

const jsonType = "application/json"

// maxInput bounds what is read from a file or standard input, as a body may be.
const maxInput = 4 << 20

// A letter is what the flags say of one outbound message.
type letter struct {
	a       *app
	data    string
	codec   string
	raw     string
	headers []string
	params  []string
	key     string
	replyTo string
	timeout period
	api     string
}

func (l *letter) flags(f *pflag.FlagSet) {
	f.StringVarP(&l.data, "data", "d", "", "body: JSON, @FILE, or - for standard input")
	f.StringVar(&l.codec, "codec", "json", "`CODEC` of the body on the wire")
	f.StringVar(&l.raw, "content-type", "", "send the body as it is, with this media `TYPE`")
	f.StringArrayVarP(&l.headers, "header", "H", nil, "`KEY=VALUE` of the header, repeated")
	f.StringArrayVar(&l.params, "param", nil, "`NAME=VALUE` of the params, repeated")
	f.StringVar(&l.key, "key", "", "`KEY` of order")
	f.Var(&l.timeout, "timeout", "`TIME` for the call, as 2s; the library's own without it")
	f.StringVar(&l.api, "api", "", "description of the API: a `FILE`, or describe to ask the service")
}

// message makes the message to destination.
func (l *letter) message(destination string) (*transport.Message, error) {
	body, err := l.a.body(l.data)
	if err != nil {
		return nil, err
	}
	m := &transport.Message{Destination: destination, Key: l.key, ReplyTo: l.replyTo, Body: body, ContentType: l.raw}
	if l.raw == "" {
		codec, err := l.a.codecs.ByName(l.codec)
		if err != nil {
			return nil, usage(err)
		}
		if err := l.check(codec, body); err != nil {
			return nil, err
		}
		if m.ContentType = codec.ContentType(); len(body) == 0 {
			m.ContentType, m.Accept = "", m.ContentType // nothing has no type, and the answer may have one
		}
	}
	for _, h := range l.headers {
		key, value, ok := strings.Cut(h, "=")
		if !ok {
			return nil, usage(fmt.Errorf("-H %q: write KEY=VALUE", h))
		}
		m.Header.Add(key, value)
	}
	for _, p := range l.params {
		name, value, ok := strings.Cut(p, "=")
		if !ok {
			return nil, usage(fmt.Errorf("--param %q: write NAME=VALUE", p))
		}
		if m.Params == nil {
			m.Params = map[string][]string{}
		}
		m.Params.Add(name, value)
	}
	return m, nil
}

// check holds the body against the codec: it is JSON, and goes out as it is, or as
// the codec writes what the API says that it is.
func (l *letter) check(codec codecs.Codec, body []byte) error {
	if len(body) == 0 {
		return nil
	}
	if codec.ContentType() != jsonType && l.api == "" {
		return usage(fmt.Errorf("codec %s needs the types of an API: name it by --api, or use --content-type to send bytes as they are", l.codec))
	}
	return checkJSON(body)
}

// body is what -d says: itself, - or @- for standard input, @FILE for a file.
func (a *app) body(data string) ([]byte, error) {
	if data == "-" || data == "@-" {
		return readBody(a.in, "standard input")
	}
	name, isFile := strings.CutPrefix(data, "@")
	if !isFile {
		return []byte(data), nil
	}
	if name == "" {
		return nil, usage(errors.New("-d @: write @FILE, or - for standard input"))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, usage(fmt.Errorf("-d: %w", err))
	}
	defer f.Close()
	return readBody(f, name)
}

func readBody(r io.Reader, name string) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	switch {
	case err != nil:
		return nil, usage(fmt.Errorf("-d: %w", err))
	case len(body) > maxInput:
		return nil, usage(fmt.Errorf("-d: %s has more than %d bytes, which is what a body may have", name, maxInput))
	}
	return body, nil
}

func checkJSON(body []byte) error {
	var any json.RawMessage
	err := json.Unmarshal(body, &any)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return codecError(fmt.Errorf("the body is no JSON: %w, at byte %d; use --content-type to send bytes as they are", syntax, syntax.Offset))
	}
	if err != nil {
		return codecError(fmt.Errorf("the body is no JSON: %w", err))
	}
	return nil
}
