package main

import (
	"fmt"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/internal/protofiles"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// speak writes the body of m, which is JSON of the operation's request, in the
// codec that m says it is of.
func (v *verb) speak(op *contract.Operation, m *transport.Message) error {
	if len(m.Body) == 0 || op.Request == nil || m.ContentType == jsonType || v.raw != "" {
		return nil
	}
	codec, err := v.target.a.codecs.ByContentType(m.ContentType)
	if err != nil {
		return usage(err)
	}
	m.Body, err = v.translated(op.Request, m.Body, jsoncodec.New(), codec)
	return err
}

// understood returns a reply as JSON, if the description tells what it holds. The
// content type is then JSON's too.
func (v *verb) understood(reply *transport.Message) (*transport.Message, error) {
	if v.operation == nil || v.operation.Reply == nil || v.output == "raw" || len(reply.Body) == 0 {
		return reply, nil
	}
	codec, err := v.target.a.codecs.ByContentType(reply.ContentType)
	if err != nil || codec.ContentType() == jsonType {
		return reply, nil //nolint:nilerr // what nobody knows is printed as it is, or said to be no JSON
	}
	body, err := v.translated(v.operation.Reply, reply.Body, codec, jsoncodec.New())
	if err != nil {
		return nil, codecError(fmt.Errorf("the reply of %s: %w", v.operation.Destination, err))
	}
	out := *reply
	out.Body, out.ContentType = body, jsonType
	return &out, nil
}

// translated reads a body of Shape s in one codec and writes it in another.
func (v *verb) translated(s *contract.Shape, body []byte, from, to codecs.Codec) ([]byte, error) {
	value, err := described(v.described, s)
	if err != nil {
		return nil, codecError(fmt.Errorf("service %s describes what %s cannot be written from: %w", v.described.Service, to.Name(), err))
	}
	if err := from.Decode(body, value); err != nil {
		return nil, codecError(err)
	}
	out, err := to.Append(nil, value)
	if err != nil {
		return nil, codecError(err)
	}
	return out, nil
}

// described makes a value of Shape s, which every codec takes.
func described(d *contract.Description, s *contract.Shape) (any, error) {
	if s.Kind == "message" && d.Types[s.Type] != nil && len(d.Files) > 0 {
		files, err := protofiles.Parse(d.Files)
		if err != nil {
			return nil, err
		}
		return files.New(d.Types[s.Type].Type)
	}
	maker, err := d.Types.Maker(s)
	if err != nil {
		return nil, err
	}
	return maker.New(), nil
}
