package grpcstub

import (
	"errors"
	"fmt"
	"strings"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/protocodec"
	"github.com/polywire/polywire/transport"
)

// formats finds the codec of a message.
type formats struct {
	routes   router // decides for each destination; nil where one codec serves all
	codec    codecs.Codec
	registry *codecs.Registry
}

// A router is a Bus whose routes name codecs, as those of package config.
type router interface {
	Codecs(destination string) (codecs.Codec, *codecs.Registry)
}

// newFormats makes the formats of conn: those of WithCodec, else of conn's routes, else Protobuf.
func newFormats(conn any, chosen []codecs.Codec) (*formats, error) {
	if len(chosen) == 0 {
		if r, ok := conn.(router); ok {
			return &formats{routes: r}, nil
		}
		chosen = []codecs.Codec{protocodec.New()}
	}
	registry, err := codecs.NewRegistry(chosen...)
	if err != nil {
		return nil, transport.CodeInvalidArgument.Errorf("grpcstub: WithCodec: %w", err)
	}
	return &formats{codec: chosen[0], registry: registry}, nil
}

// of finds the codec in which messages to destination are written, and all that may come back.
func (f *formats) of(destination string) (format, error) {
	if f.routes == nil {
		return format{f.codec, f.registry}, nil
	}
	codec, registry := f.routes.Codecs(destination)
	if codec == nil {
		return format{}, transport.CodeInvalidArgument.Errorf("no codec for %s: name one in its route, its transport or the defaults", destination)
	}
	return format{codec, registry}, nil
}

// A format is the codec of one destination, beside those that its peers may use.
type format struct {
	codec    codecs.Codec
	registry *codecs.Registry
}

// named is f with the codec of a content-subtype: the codec's name, or proto for Protobuf.
func (f format) named(subtype string) (format, error) {
	if subtype == "" {
		return f, nil
	}
	name := strings.ToLower(subtype)
	if name == "proto" {
		name = "protobuf"
	}
	codec, err := f.registry.ByName(name)
	if err != nil {
		return f, transport.CodeInvalidArgument.Errorf("grpc.CallContentSubtype(%q): %w", clip(subtype), err)
	}
	return format{codec, f.registry}, nil
}

// write makes the body of v.
func (f format) write(v any) (body []byte, err error) {
	defer recovered(&err)
	body, err = f.codec.Append(nil, v)
	if errors.Is(err, codecs.ErrLimit) {
		return nil, transport.CodeResourceExhausted.Errorf("%w", err)
	}
	return body, err
}

// read takes the body of msg, in the format that its content type names, into v.
func (f format) read(msg *transport.Message, v any) (err error) {
	defer recovered(&err)
	switch encoding := msg.Header.Get("content-encoding"); strings.ToLower(encoding) {
	case "gzip", "zstd", "br", "deflate", "compress", "lz4", "snappy":
		return fmt.Errorf("the body is compressed by %s, and this connection has no middleware that inflates it: add transport/middleware/compress, or send it as it is", encoding)
	}
	codec, err := f.codecFor(msg.ContentType)
	if err != nil {
		return err
	}
	return codec.Decode(msg.Body, v)
}

// codecFor finds the codec of an inbound content type; none means that of the route.
func (f format) codecFor(contentType string) (codecs.Codec, error) {
	if contentType == "" || contentType == f.codec.ContentType() {
		return f.codec, nil
	}
	return f.registry.ByContentType(contentType)
}

// answering is f with the codec that the reply to msg is written in: that of Accept, else the request's.
func (f format) answering(msg *transport.Message) format {
	if msg.Accept != "" && msg.Accept != "*/*" {
		if codec, ok := f.registry.Accept(msg.Accept); ok {
			return format{codec, f.registry}
		}
	}
	if codec, err := f.codecFor(msg.ContentType); err == nil {
		return format{codec, f.registry}
	}
	return f
}

// recovered turns a panic of a codec, or of a method of the value, into an error without what it panicked with.
func recovered(err *error) {
	if recover() != nil {
		*err = transport.CodeInternal.Errorf("the codec panicked")
	}
}
