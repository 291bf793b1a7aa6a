package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/spf13/pflag"

	"github.com/polywire/polywire/internal/nearest"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/config"
	"github.com/polywire/polywire/transport/middleware/compress"
)

// A target is what a command talks to: a URL, or a configuration file.
type target struct {
	a       *app
	url     string
	file    string
	profile string
	service string
	serve   []string
	shows   showing
	tokens  string // file of those who may call

	unwatched bool        // what is measured goes through nothing of ours
	reached   atomic.Bool // a message passed all checks, so an error is the other side's
}

func (t *target) flags(f *pflag.FlagSet) {
	f.StringVarP(&t.url, "transport", "t", "inproc://", "`URL` of the transport")
	f.StringVar(&t.file, "config", "", "configuration `FILE`, in place of a URL")
	t.fileFlags(f)
	t.shows.flags(f)
	f.StringArrayVar(&t.serve, "serve", nil, "`NAME=echo`, NAME=reply:JSON or NAME=fail:CODE: serve NAME in this process too")
}

// fileFlags are those that choose within a configuration file.
func (t *target) fileFlags(f *pflag.FlagSet) {
	f.StringVar(&t.profile, "profile", "", "`PROFILE` of the file")
	f.StringVar(&t.service, "service", "", "`SERVICE` of the file that this process is; none of them without it")
}

// A connection is a Conn or a Bus.
type connection interface {
	transport.Sender
	transport.Requester
	transport.Publisher
	transport.Receiver
	Drain(ctx context.Context) error
	Close() error
}

// open connects, and starts what --serve asks for.
func (t *target) open(ctx context.Context) (connection, error) {
	conn, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range t.serve {
		if err := t.startStandIn(ctx, conn, s); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

func (t *target) connect(ctx context.Context) (connection, error) {
	watch := transport.WithOutbound(func(next transport.Outbound) transport.Outbound {
		return func(ctx context.Context, op string, msg *transport.Message) (*transport.Message, error) {
			t.reached.Store(true)
			return next(ctx, op, msg)
		}
	})
	if t.unwatched {
		watch = transport.WithOutbound()
	}
	policy, err := t.policy()
	if err != nil {
		return nil, err
	}
	if t.file == "" {
		conn, err := t.a.registry.Open(ctx, t.url, watch, transport.WithAccess(policy))
		if err != nil {
			return nil, t.explain(err)
		}
		return conn, nil
	}
	c, err := config.Load(t.file, t.options())
	if err != nil {
		return nil, usage(err)
	}
	bus, err := c.Open(ctx, watch)
	if err != nil {
		return nil, err
	}
	return bus, nil
}

func (t *target) options() config.Options {
	return config.Options{
		Registry: t.a.registry, Codecs: t.a.codecs, Compress: compress.Configure,
		Profile: t.profile, Service: t.service, Client: t.service == "",
	}
}

// explain adds the scheme that was probably meant.
func (t *target) explain(err error) error {
	scheme, _, ok := strings.Cut(t.url, ":")
	if known := t.a.registry.Schemes(); ok && errors.Is(err, transport.CodeInvalidArgument) {
		if meant := nearest.Name(scheme, known); meant != "" && meant != scheme {
			return usage(fmt.Errorf("%w; did you mean %s://?", err, meant))
		}
	}
	return err
}

// startStandIn serves one NAME=WHAT as queue and, where there are topics, as subscription.
func (t *target) startStandIn(ctx context.Context, conn connection, spec string) error {
	name, what, ok := strings.Cut(spec, "=")
	if !ok || name == "" {
		return usage(fmt.Errorf("--serve %q: write NAME=echo, NAME=reply:JSON or NAME=fail:CODE", spec))
	}
	h, err := standIn(what)
	if err != nil {
		return err
	}
	return serveOn(ctx, conn, name, h)
}

// standIn makes the handler that echo, reply:JSON or fail:CODE names.
func standIn(what string) (transport.Handler, error) {
	body, isReply := strings.CutPrefix(what, "reply:")
	code, isFailure := strings.CutPrefix(what, "fail:")
	switch {
	case isFailure:
		var c transport.Code
		if err := c.UnmarshalText([]byte(code)); err != nil {
			return nil, usage(fmt.Errorf("fail:%.32s: use a code, as not_found", code))
		}
		return func(context.Context, *transport.Message) (*transport.Message, error) {
			return nil, c.Errorf("the stand-in fails")
		}, nil
	case what == "echo":
		return func(_ context.Context, m *transport.Message) (*transport.Message, error) {
			return &transport.Message{ContentType: m.ContentType, Header: m.Header, Body: m.Body}, nil
		}, nil
	case isReply:
		if err := checkJSON([]byte(body)); err != nil {
			return nil, err
		}
		return func(context.Context, *transport.Message) (*transport.Message, error) {
			return &transport.Message{ContentType: jsonType, Body: []byte(body)}, nil
		}, nil
	}
	return nil, usage(fmt.Errorf("a stand-in %q is not known (known: echo, reply:JSON, fail:CODE)", what))
}

// serveOn handles and subscribes; what the adapter lacks is left out, unless it lacks both.
func serveOn(ctx context.Context, conn connection, name string, h transport.Handler) error {
	_, err := conn.Handle(ctx, name, h)
	if err != nil && !errors.Is(err, transport.CodeUnimplemented) {
		return err
	}
	_, subErr := conn.Subscribe(ctx, name, h)
	if subErr != nil && (err != nil || !errors.Is(subErr, transport.CodeUnimplemented)) {
		return subErr
	}
	return nil
}
