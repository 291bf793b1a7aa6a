package transporttest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/polywire/polywire/transport"
)

// invert checks that what needs a missing feature fails at once and names it.
// Features that no call asks for have no call to refuse: what is weaker without
// them is checked by the Inverse of their cases, and here that all else still works.
// Of Inline, which takes rules away where it is there, it checks what is left of them.
func invert(ctx context.Context, e *Env, missing string) error {
	server, client := e.Pair(ctx)
	msg := &transport.Message{Destination: e.Name("inverted")}
	w := e.watch()
	refuse := func(what, feature string, call func() error) {
		start := w.lap()
		err := call()
		if problem := wrongCode(err, transport.CodeUnimplemented); problem != "" {
			e.Errorf("%s without Features.%s: %s", what, feature, problem)
		} else if !strings.Contains(err.Error(), feature) {
			e.Errorf("%s without Features.%s: the error does not name it: %v", what, feature, err)
		}
		if d := start.took(); d > e.Tick {
			e.Errorf("%s without Features.%s: refused after %v, want at once", what, feature, d)
		}
	}
	switch missing {
	case "Send":
		refuse("Send", missing, func() error { return client.Send(ctx, msg) })
	case "Request":
		refuse("Request", missing, func() error { _, err := client.Request(ctx, msg); return err })
		refuse("RequestAsync", missing, func() error { _, err := client.RequestAsync(ctx, msg); return err })
	case "Publish":
		refuse("Publish", missing, func() error { return client.Publish(ctx, msg) })
		refuse("Subscribe", missing, func() error { _, err := server.Subscribe(ctx, msg.Destination, nothing); return err })
	case "Gather":
		refuse("Gather", missing, func() error { _, err := client.Gather(ctx, msg); return err })
	case "Groups":
		return e.invertSubscribe(ctx, refuse, msg.Destination, missing, transport.WithGroup("g"))
	case "Wildcards":
		return e.invertSubscribe(ctx, refuse, e.Name("*"), missing)
	case "DetachedReply":
		refuse("Resume", missing, func() error { return client.Resume(ctx, []byte("token"), nil, nil) })
	case "Inline":
		return e.holdsCallers(ctx)
	default:
		return e.stillWorks(ctx)
	}
	return nil
}

// holdsCallers checks what is left of deadlines where handlers run on their
// callers' goroutines: a verb returns after its handler, tells that it is late, and the next one is well.
func (e *Env) holdsCallers(ctx context.Context) error {
	c := newCarrier(ctx, e)
	c.in.lasts = 2 * e.Tick
	for _, style := range []string{"Send", "Request", "Publish", "Gather"} {
		if !e.Features.Has(style) {
			continue
		}
		short, cancel := context.WithTimeout(ctx, e.Tick)
		start := time.Now()
		_, err := c.call(short, style, &transport.Message{})
		cancel()
		if d := time.Since(start); d < c.in.lasts {
			e.Errorf("%s returned after %v, before its handler, which took %v: do not declare Features.Inline", style, d, c.in.lasts)
		}
		if style != "Gather" { // which fails only when nothing could be sent
			e.WantCode(err, transport.CodeDeadlineExceeded, style+" whose handler outlasts its deadline")
		} else if err == nil {
			e.Errorf("Gather got an answer after its deadline")
		}
	}
	return e.stillWorks(ctx)
}

// invertSubscribe refuses a Subscribe that needs feature; without Publish, that is named in its place.
func (e *Env) invertSubscribe(ctx context.Context, refuse func(string, string, func() error), pattern, feature string, opts ...transport.BindOption) error {
	server, _ := e.Pair(ctx)
	if !e.Features.Publish {
		feature = "Publish"
	}
	refuse("Subscribe", feature, func() error { _, err := server.Subscribe(ctx, pattern, nothing, opts...); return err })
	return nil
}

// stillWorks makes one round trip in the first style that there is.
func (e *Env) stillWorks(ctx context.Context) error {
	server, client := e.Pair(ctx)
	in := newInbox(e)
	msg := &transport.Message{Destination: e.Name("works"), Body: []byte("works")}
	var err error
	switch {
	case e.Features.Request:
		e.Handle(ctx, server, msg.Destination, in.handle)
		_, err = client.Request(ctx, msg)
	case e.Features.Send:
		e.Handle(ctx, server, msg.Destination, in.handle)
		err = client.Send(ctx, msg)
	case e.Features.Publish:
		e.Subscribe(ctx, server, msg.Destination, in.handle)
		err = client.Publish(ctx, msg)
	default:
		return fmt.Errorf("the adapter declares no style at all")
	}
	if err == nil {
		in.wait(1)
	}
	return err
}
