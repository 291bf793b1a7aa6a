package contracttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// A Suite is a codec to prove, on any wire.
type Suite struct {
	// Codec is the one under test.
	Codec codecs.Codec

	// Bus makes the bus that cases use of a Conn: on it every destination is
	// written in codec, and inbound messages may be in one of more. Nil is
	// contract.Use.
	Bus func(conn transporttest.Conn, codec codecs.Codec, more ...codecs.Codec) (contract.Bus, error)
}

// Cases returns the catalogue, in the order of its ids. Sections are those of docs/semantics.md.
func (s Suite) Cases() []transporttest.Case {
	var all []transporttest.Case
	for _, group := range [][]caseOf{formatCases(), valueCases(), failureCases(), styleCases(), resourceCases()} {
		for _, c := range group {
			all = append(all, transporttest.Case{
				ID: c.id, Group: "V", Rule: c.rule, Sections: c.sections, Needs: c.needs,
				Level: transporttest.Must, Tier: transporttest.Fast,
				Run: func(ctx context.Context, e *transporttest.Env) error {
					return c.run(ctx, &env{Env: e, suite: s})
				},
			})
		}
	}
	slices.SortFunc(all, func(a, b transporttest.Case) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// Run runs the catalogue on h, as one subtest of t for each case.
func (s Suite) Run(t *testing.T, h transporttest.Harness) {
	t.Helper()
	report := transporttest.Execute(t.Context(), h, transporttest.Options{Cases: s.Cases()})
	if report.Err != "" {
		t.Error(report.Err)
	}
	for _, res := range report.Results {
		t.Run(res.ID, func(t *testing.T) {
			switch res.Status {
			case transporttest.Failed:
				t.Errorf("%s\n%s", res.Rule, res.Reason)
			case transporttest.Skipped:
				t.Skip(res.Reason)
			case transporttest.Inverted, transporttest.KnownFailure:
				t.Log(res.Status+":", res.Reason)
			}
		})
	}
}

// A caseOf is a case before it knows its suite.
type caseOf struct {
	id, rule string
	sections []string
	needs    []string
	run      func(ctx context.Context, e *env) error
}

// An env is what one case runs in.
type env struct {
	*transporttest.Env
	suite Suite
}

// use makes a bus of conn.
func (e *env) use(conn transporttest.Conn, codec codecs.Codec, more ...codecs.Codec) contract.Bus {
	open := e.suite.Bus
	if open == nil {
		open = func(conn transporttest.Conn, codec codecs.Codec, more ...codecs.Codec) (contract.Bus, error) {
			return contract.Use(conn, codec, more...)
		}
	}
	bus, err := open(conn, codec, more...)
	e.Must(err, "make a bus")
	return bus
}

// buses are a server's and a client's, which write the codec under test and read the other too.
func (e *env) buses(ctx context.Context) (server, client contract.Bus) {
	s, c := e.Pair(ctx)
	return e.use(s, e.suite.Codec, other{}), e.use(c, e.suite.Codec, other{})
}

// keep ends what was registered with the case.
func (e *env) keep(sub *transport.Subscription, err error) {
	e.Must(err, "register a handler")
	e.Cleanup(func(ctx context.Context) { _ = sub.Close(ctx) })
}

// code tells what is wrong with err, which must have the code.
func code(err error, want transport.Code, what string) error {
	var te *transport.Error
	switch {
	case err == nil:
		return fmt.Errorf("%s: got no error, want code %v", what, want)
	case !errors.As(err, &te):
		return fmt.Errorf("%s: got %w (%T), want a *transport.Error with code %v", what, err, err, want)
	case te.Code != want:
		return fmt.Errorf("%s: got %w, want code %v", what, err, want)
	}
	return nil
}

// take receives what a handler saw, or stops the case.
func take[T any](e *env, ch <-chan T, what string) (v T) {
	timer := time.NewTimer(e.Patience)
	defer timer.Stop()
	select {
	case v = <-ch:
	case <-timer.C:
		e.Fatalf("%s: nothing within %v", what, e.Patience)
	}
	return v
}

// entered is a handler that no message must reach.
func entered[Req, Resp any](e *env) func(context.Context, *Req) (*Resp, error) {
	return func(context.Context, *Req) (*Resp, error) {
		e.Errorf("the handler was entered")
		return new(Resp), nil
	}
}

// encode writes v as a caller without contracts would.
func (e *env) encode(codec codecs.Codec, v any) []byte {
	body, err := codec.Append(nil, v)
	e.Must(err, "encode as "+codec.Name())
	return body
}
