package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// describeDestination is where a service that wants to be asked gives its description.
const describeDestination = "polywire.describe"

// checkAPI holds m against the description that --api names, and keeps what replies are held against.
func (v *verb) checkAPI(ctx context.Context, conn connection, m *transport.Message) error {
	if v.api == "" {
		return nil
	}
	d, err := v.description(ctx, conn)
	if err != nil {
		return err
	}
	op := d.Operation(m.Destination)
	if op == nil {
		var known []string
		for _, o := range d.Operations {
			known = append(known, o.Destination)
		}
		return usage(fmt.Errorf("service %s has no %s (it has: %s)", d.Service, m.Destination, strings.Join(known, ", ")))
	}
	if !slices.Contains(v.style, op.Style) {
		return usage(fmt.Errorf("%s is a %s of service %s: call it by %s", op.Destination, op.Style, d.Service, verbOf(op.Style)))
	}
	v.described, v.operation = d, op
	if err := v.checkRequest(op, m); err != nil {
		return codecError(fmt.Errorf("%s: %w", m.Destination, err))
	}
	return v.speak(op, m)
}

// verbOf is the command for a style.
func verbOf(style string) string {
	return map[string]string{"method": "request", "queue": "send", "topic": "publish", "survey": "gather"}[style]
}

func (v *verb) description(ctx context.Context, conn connection) (*contract.Description, error) {
	if v.api == "describe" {
		reply, err := conn.Request(ctx, &transport.Message{Destination: describeDestination, Accept: jsonType})
		if err != nil {
			return nil, err
		}
		v.reached.Store(false) // by the message that counts
		d, err := contract.ParseDescription(reply.Body)
		if err != nil {
			return nil, codecError(fmt.Errorf("the answer of %s: %w", describeDestination, err))
		}
		return d, nil
	}
	document, err := os.ReadFile(v.api)
	if err != nil {
		return nil, usage(err)
	}
	d, err := contract.ParseDescription(document)
	if err != nil {
		return nil, usage(fmt.Errorf("%s: %w", v.api, err))
	}
	return d, nil
}

func (v *verb) checkRequest(op *contract.Operation, m *transport.Message) error {
	switch {
	case op.Request == nil && len(m.Body) > 0:
		return errors.New("it takes no body: leave -d out")
	case op.Request == nil:
		return nil
	case len(m.Body) == 0 && len(op.Params) > 0 && len(m.Params) > 0:
		return nil // all that the request says is in its params
	case len(m.Body) == 0:
		return fmt.Errorf("it takes %s as body: write it with -d", takes(op.Request))
	case v.raw != "" && m.ContentType != jsonType:
		return nil // bytes as they are: the caller's word
	}
	return (&checker{d: v.described}).document(op.Request, m.Body)
}

// checkReply holds a reply against the description, once there is one. A service
// may be newer than its description, so it may tell more, but not less.
func (v *verb) checkReply(reply *transport.Message) error {
	if v.operation == nil {
		return nil
	}
	s := v.operation.Reply
	var err error
	switch {
	case s == nil && len(reply.Body) > 0:
		err = fmt.Errorf("there are %d bytes, and there should be none", len(reply.Body))
	case s == nil:
	case len(reply.Body) == 0:
		err = fmt.Errorf("it is empty, and should be %s", takes(s))
	case mediaType(reply.ContentType) == jsonType:
		err = (&checker{d: v.described, newer: true}).document(s, reply.Body)
	}
	if err != nil {
		return codecError(fmt.Errorf("the reply of %s is not what service %s describes: %w", v.operation.Destination, v.described.Service, err))
	}
	return nil
}
