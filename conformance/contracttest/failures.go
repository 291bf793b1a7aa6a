package contracttest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// A refusal is a declared failure.
type refusal struct {
	Reason string `wire:"reason,1"`
	Retry  int32  `wire:"retry,2"`
}

func (r refusal) Error() string { return "refused: " + r.Reason }

func failureCases() []caseOf {
	request := []string{"Request"}
	return []caseOf{
		{"V010", "A declared failure keeps its code and text and comes back as its type, also wrapped, also through a Future.", []string{"4.3"}, request, declaredFailures},
		{"V011", "A declared failure of another service that a handler returns as it is becomes Internal, without text and detail.", []string{"4.3"}, request, foreignFailures},
		{"V012", "A value that the codec cannot write is refused before anything is sent, and is no fault of the caller's caller.", []string{"2.1", "4.3"}, request, unwritable},
	}
}

func declaredFailures(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	method := contract.NewMethod[question, answer](e.Name("ask"), contract.Fails[refusal](transport.CodeFailedPrecondition))
	e.keep(method.Handle(ctx, server, func(_ context.Context, in *question) (*answer, error) {
		failed := refusal{Reason: in.ID, Retry: 3}
		switch in.ID {
		case "wrapped":
			return nil, fmt.Errorf("%s: %w", secret, failed)
		case "pointer":
			return nil, &failed
		case "undeclared":
			return nil, transport.CodeNotFound.Errorf("no such thing")
		}
		return nil, failed
	}))
	caller := method.On(client)
	for _, id := range []string{"plain", "wrapped", "pointer"} {
		_, now := caller.Request(ctx, &question{ID: id})
		future, err := caller.RequestAsync(ctx, &question{ID: id})
		if err != nil {
			return err
		}
		_, later := future.Await(ctx)
		for _, err := range []error{now, later} {
			if err := code(err, transport.CodeFailedPrecondition, id); err != nil {
				return err
			}
			var failed refusal
			if !errors.As(err, &failed) || failed != (refusal{id, 3}) {
				e.Errorf("%s: got %+v in %v, want the failure as it was made", id, failed, err)
			}
			if !strings.Contains(err.Error(), "refused: "+id) || strings.Contains(err.Error(), secret) {
				e.Errorf("%s: got the text %q, want that of the failure alone", id, err)
			}
		}
	}
	_, err := caller.Request(ctx, &question{ID: "undeclared"})
	if errors.As(err, new(refusal)) {
		e.Errorf("an undeclared failure came back as a declared one: %v", err)
	}
	return code(err, transport.CodeNotFound, "undeclared")
}

func foreignFailures(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	fails := contract.Fails[refusal](transport.CodeFailedPrecondition)
	inner := contract.NewMethod[question, answer](e.Name("inner"), fails)
	outer := contract.NewMethod[question, answer](e.Name("outer"), fails)
	e.keep(inner.Handle(ctx, server, func(context.Context, *question) (*answer, error) { return nil, refusal{Reason: secret} }))
	e.keep(outer.Handle(ctx, server, func(ctx context.Context, in *question) (*answer, error) {
		_, err := inner.On(server).Request(ctx, in)
		if !errors.As(err, new(refusal)) {
			e.Errorf("inner: got %v, want the declared failure", err)
		}
		return nil, err
	}))
	_, err := outer.On(client).Request(ctx, &question{})
	if err := code(err, transport.CodeInternal, "outer"); err != nil {
		return err
	}
	if errors.As(err, new(refusal)) || strings.Contains(err.Error(), secret) {
		e.Errorf("the inner failure got through: %v", err)
	}
	return nil
}

func unwritable(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	inner := contract.NewMethod[question, answer](e.Name("inner"))
	outer := contract.NewMethod[question, answer](e.Name("outer"))
	invalid := &question{ID: "\xff"} // no UTF-8: refused by every codec
	e.keep(inner.Handle(ctx, server, entered[question, answer](e)))
	e.keep(outer.Handle(ctx, server, func(ctx context.Context, _ *question) (*answer, error) {
		_, err := inner.On(server).Request(ctx, invalid)
		return nil, err
	}))
	_, err := inner.On(client).Request(ctx, invalid)
	if err := code(err, transport.CodeInvalidArgument, "invalid UTF-8"); err != nil {
		return err
	}
	_, err = inner.On(client).Request(ctx, nil)
	if err := code(err, transport.CodeInvalidArgument, "nil"); err != nil {
		return err
	}
	_, err = outer.On(client).Request(ctx, &question{})
	return code(err, transport.CodeInternal, "a nested call")
}
