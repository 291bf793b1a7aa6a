package contract

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/transport"
)

// A plan is an endpoint on a bus: all that can be resolved before the first
// message is. It does not change and is used concurrently.
type plan struct {
	spec     *spec
	bus      Bus
	codec    codecs.Codec // of the route
	media    string       // its content type
	registry *codecs.Registry
	template transport.Message // every outbound message starts as this
	options  []transport.CallOption
	edit     func(*transport.Message) // of With; nil without
	scratch  *sync.Pool               // of *outbound
	err      error                    // why the endpoint cannot be used on this bus
}

// An outbound is a message on its way and its body. Verbs keep nothing of a
// message once they returned, so both serve the next call.
type outbound struct {
	msg transport.Message
	buf []byte
}

// maxKept bounds the buffer that an outbound keeps for the next call.
const maxKept = 64 << 10

// on resolves the codec of s on bus. Its error waits in the plan, so that On needs none.
func (s *spec) on(bus Bus) *plan {
	p := &plan{spec: s, bus: bus, scratch: &sync.Pool{New: func() any { return new(outbound) }}}
	p.template.Destination = s.destination
	if p.err = p.resolve(); p.err != nil {
		return p
	}
	p.media = p.codec.ContentType()
	if s.request == nil {
		p.template.Accept = p.media // there is no body whose content type could say it
	} else {
		p.template.ContentType = p.media
	}
	if s.idempotent {
		p.options = []transport.CallOption{transport.WithIdempotent()}
	}
	return p
}

func (p *plan) resolve() error {
	if p.bus == nil {
		return errors.New("the bus is nil: pass the Bus of package config, or the result of contract.Use")
	}
	if err := p.spec.err(); err != nil {
		return err
	}
	p.codec, p.registry = p.bus.Codecs(p.spec.destination)
	if p.codec == nil {
		return fmt.Errorf("no codec for %s: name one in its route, its transport or the defaults", p.spec.destination)
	}
	if p.registry == nil {
		registry, err := codecs.NewRegistry(p.codec)
		if err != nil {
			return err
		}
		p.registry = registry
	}
	return p.spec.checkTypes(p.codec)
}

// with returns p with an edit after those that it has.
func (p *plan) with(edit func(*transport.Message)) *plan {
	derived := *p
	if before := p.edit; before != nil && edit != nil {
		derived.edit = func(msg *transport.Message) { before(msg); edit(msg) }
	} else if edit != nil {
		derived.edit = edit
	}
	return &derived
}

// fail makes the error of a verb. Its Op tells the core that no handler authored it.
func (p *plan) fail(op string, code transport.Code, err error) error {
	out := code.Errorf("%w", err)
	out.Op, out.Destination = op, p.spec.destination
	return out
}

// ready returns why no handler can be registered.
func (p *plan) ready(op string, hasHandler bool) error {
	switch {
	case p.err != nil:
		return p.fail(op, transport.CodeInvalidArgument, p.err)
	case !hasHandler:
		return p.fail(op, transport.CodeInvalidArgument, errors.New("the handler is nil"))
	}
	return nil
}

// callOptions are what the endpoint declares and what the caller adds.
func (p *plan) callOptions(opts []transport.CallOption) []transport.CallOption {
	switch {
	case len(opts) == 0:
		return p.options
	case len(p.options) == 0:
		return opts
	}
	return append(p.options[:len(p.options):len(p.options)], opts...)
}

// write makes the message of a request. The caller recycles it when the verb returned.
func (p *plan) write(op string, request any, absent bool) (*outbound, error) {
	if p.err != nil {
		return nil, p.fail(op, transport.CodeInvalidArgument, p.err)
	}
	out := p.scratch.Get().(*outbound)
	out.msg = p.template
	if err := p.fill(out, request, absent); err != nil {
		p.recycle(out)
		return nil, p.fail(op, codeOf(err), err)
	}
	return out, nil
}

// fill writes the request into out: body, key and params, then what With says.
func (p *plan) fill(out *outbound, request any, absent bool) (err error) {
	if p.spec.request != nil {
		if absent {
			return fmt.Errorf("the request is nil: pass a *%s", p.spec.request)
		}
		if out.buf, err = p.encode(out.buf[:0], request); err != nil {
			return err
		}
		out.msg.Body = out.buf
	}
	if p.spec.key == nil && p.spec.params == nil && p.edit == nil {
		return nil
	}
	return p.annotate(&out.msg, request)
}

// annotate runs the user's functions, whose panics are errors.
func (p *plan) annotate(msg *transport.Message, request any) (err error) {
	defer recovered(&err, "a function of the contract")
	if p.spec.key != nil {
		msg.Key = p.spec.key(request)
	}
	if len(p.spec.params) > 0 {
		msg.Params = make(url.Values, len(p.spec.params))
	}
	for i := range p.spec.params {
		if err := p.spec.params[i].write(msg.Params, request); err != nil {
			return err
		}
	}
	if p.edit != nil {
		p.edit(msg)
	}
	return nil
}

func (p *plan) recycle(out *outbound) {
	out.msg = transport.Message{}
	if cap(out.buf) > maxKept {
		out.buf = nil
	}
	p.scratch.Put(out)
}

// answer reads the reply to a request.
func (p *plan) answer(op string, reply *transport.Message, value any) error {
	if p.spec.reply == nil {
		return nil
	}
	if err := p.readReply(reply, value); err != nil {
		code := transport.CodeInternal
		if errors.Is(err, codecs.ErrUnavailable) {
			code = transport.CodeUnavailable
		}
		return p.fail(op, code, fmt.Errorf("the reply cannot be read: %w", err))
	}
	return nil
}

func (p *plan) readReply(reply *transport.Message, value any) error {
	if reply == nil || len(reply.Body) == 0 && reply.ContentType == "" {
		return errors.New("it is empty: the handler returned no value")
	}
	if err := uncompressed(reply); err != nil {
		return err
	}
	codec, err := p.codecFor(reply.ContentType)
	if err != nil {
		return err
	}
	return p.decode(codec, reply.Body, value)
}

// read reads an inbound message: its body, then its params. Panics are left to
// the core, which isolates and reports those of handlers.
func (p *plan) read(msg *transport.Message, value any) error {
	if err := p.acceptable(msg); err != nil || p.spec.request == nil {
		return err
	}
	spoken := len(p.spec.params) > 0 || p.spec.rule != nil && !p.spec.rule.Body()
	bare := spoken && len(msg.Body) == 0 && msg.ContentType == ""
	if !bare { // as of a GET: all that it says is in its params
		codec, err := p.codecFor(msg.ContentType)
		if err != nil {
			return p.unknownType(err)
		}
		if err := uncompressed(msg); err != nil {
			return transport.CodeInvalidArgument.Errorf("%w", err)
		}
		if err := codec.Decode(msg.Body, value); err != nil {
			return unread(err).Errorf("the body cannot be read: %w", err)
		}
	}
	for i := range p.spec.params {
		if err := p.spec.params[i].read(msg.Params, value); err != nil {
			return err
		}
	}
	return nil
}

// uncompressed refuses a body that no middleware has inflated: some codecs would read a value in it.
func uncompressed(msg *transport.Message) error {
	switch encoding := msg.Header.Get("content-encoding"); strings.ToLower(encoding) {
	case "gzip", "zstd", "br", "deflate", "compress", "lz4", "snappy":
		return fmt.Errorf("the body is compressed by %s, and this connection has no middleware that inflates it: add transport/middleware/compress, or send it as it is", encoding)
	}
	return nil
}

// unread is the code of a body that a codec did not read: the message's fault,
// unless something beside it could not be had.
func unread(err error) transport.Code {
	if errors.Is(err, codecs.ErrUnavailable) {
		return transport.CodeUnavailable
	}
	return transport.CodeInvalidArgument
}

// reply writes what a handler returned, in what the caller wants to read.
func (p *plan) reply(msg *transport.Message, value any) (*transport.Message, error) {
	if p.spec.reply == nil {
		return &transport.Message{}, nil
	}
	codec := p.replyCodec(msg)
	out := p.scratch.Get().(*outbound)
	defer p.recycle(out)
	var err error
	if out.buf, err = codec.Append(out.buf[:0], value); err != nil {
		return nil, transport.CodeInternal.Errorf("the reply cannot be written: %w", err)
	}
	// A copy of the right size is cheaper than a buffer that grows from nothing.
	body := append(make([]byte, 0, len(out.buf)), out.buf...)
	reply := &transport.Message{ContentType: codec.ContentType(), Body: body}
	p.replyHeader(reply, value)
	return reply, nil
}

// replyCodec is that of Accept, else the request's, else the route's.
func (p *plan) replyCodec(msg *transport.Message) codecs.Codec {
	if a := msg.Accept; a != "" && a != "*/*" && a != p.media {
		if codec, ok := p.registry.Accept(a); ok {
			return codec
		}
	} else if a == p.media {
		return p.codec
	}
	if codec, err := p.codecFor(msg.ContentType); err == nil {
		return codec
	}
	return p.codec
}

// codecFor finds the codec of an inbound content type; none means the route's.
func (p *plan) codecFor(contentType string) (codecs.Codec, error) {
	if contentType == p.media || contentType == "" {
		return p.codec, nil
	}
	return p.registry.ByContentType(contentType)
}

// encode writes a request. A panic, of the codec or of a method of value, is an error.
func (p *plan) encode(dst []byte, value any) (out []byte, err error) {
	out = dst
	defer recovered(&err, "the codec")
	return p.codec.Append(dst, value)
}

// decode reads a reply, likewise.
func (p *plan) decode(codec codecs.Codec, src []byte, value any) (err error) {
	defer recovered(&err, "the codec")
	return codec.Decode(src, value)
}

// A panicError is a panic turned into an error. What it panicked with may hold
// data, so the text says where it did.
type panicError struct{ who, where string }

func (e *panicError) Error() string { return e.who + " panicked in " + e.where }

// recovered is deferred by what calls code of others on the caller's goroutine.
func recovered(err *error, who string) {
	if v := recover(); v != nil {
		*err = &panicError{who, panicking()}
	}
}

// panicking names the function that panicked, as "time.Time.MarshalText (time.go:12)".
func panicking() string {
	var callers [64]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers[:])])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") || !more {
			return fmt.Sprintf("%s (%s:%d)", f.Function, filepath.Base(f.File), f.Line)
		}
	}
}

// codeOf is the code of an error made while a request was written.
func codeOf(err error) transport.Code {
	var panicked *panicError
	switch {
	case errors.As(err, &panicked):
		return transport.CodeInternal
	case errors.Is(err, codecs.ErrLimit):
		return transport.CodeResourceExhausted
	case errors.Is(err, codecs.ErrUnavailable):
		return transport.CodeUnavailable
	}
	return transport.CodeInvalidArgument
}
