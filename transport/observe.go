package transport

import "slices"

// What middleware of this module asks a call, or a message that is being handled,
// beside what it is given. See package hooks.

// A resultObserver is told of the answers to a Gather and of its end.
type resultObserver = interface {
	Answered(from string, err error)
	Ended(reason string)
}

// A laterObserver is told of an answer that was deferred.
type laterObserver = interface{ AnsweredLater(err error) }

func (c *call) Adapter() string { return c.conn.features.Adapter }
func (c *call) Server() string  { return c.conn.server }

// CodeOf is what the verb will return for err.
func (c *call) CodeOf(err error) Code { return codeOf(c.conn.fail("", "", err)) }

// observers are what outbound steps have told a call. callCtx.mu guards it.
type observers struct {
	gather  *gatherObservers // nil until somebody observes, or it ended
	passing [2]any           // steps that said PassesOn, each once; with more steps no call is passed on
	passed  int
}

type gatherObservers struct {
	results []resultObserver
	reason  string // why the Gather ended; empty while it goes on
}

// OnResult registers who is told of the answers to a Gather. A Gather that has ended tells at once.
func (c *call) OnResult(o resultObserver) {
	c.mu.Lock()
	g := c.observed()
	g.results = append(g.results, o)
	reason := g.reason
	c.mu.Unlock()
	if reason != "" {
		o.Ended(reason)
	}
}

// observed is called with c.mu held.
func (c *call) observed() *gatherObservers {
	if c.watched.gather == nil {
		c.watched.gather = new(gatherObservers)
	}
	return c.watched.gather
}

// PassesOn is the word of one outbound step, which says it again when a step around it calls again.
func (c *call) PassesOn(step any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := &c.watched
	if w.passed < len(w.passing) && !slices.Contains(w.passing[:w.passed], step) {
		w.passing[w.passed] = step
		w.passed++
	}
}

// passedOn reports whether every step has said so, or there is none.
func (c *call) passedOn() bool {
	if c.conn.steps == 0 {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.watched.passed == c.conn.steps
}

func (c *call) answered(from string, err error) {
	if c.conn.steps == 0 {
		return
	}
	c.mu.Lock()
	told := c.observed().results
	c.mu.Unlock()
	for _, o := range told {
		o.Answered(from, err)
	}
}

// ended tells, and keeps the reason for who comes later.
func (c *call) ended(reason string) {
	if c.conn.steps == 0 {
		return
	}
	c.mu.Lock()
	g := c.observed()
	g.reason = reason
	told := g.results
	c.mu.Unlock()
	for _, o := range told {
		o.Ended(reason)
	}
}

func (in *inbound) Adapter() string { return in.b.conn.features.Adapter }
func (in *inbound) Server() string  { return in.b.conn.server }

// CodeOf is what the caller will see of a handler's err.
func (in *inbound) CodeOf(err error) Code { return outward(err).Code }

// laters are those who are told of a deferred answer, the last registered first.
type laters struct {
	observer laterObserver
	next     *laters
}

// OnLater registers who is told of a deferred answer.
func (in *inbound) OnLater(o laterObserver) { in.later = &laters{o, in.later} }

// IsDeferred reports whether the handler deferred its answer.
func (in *inbound) IsDeferred() bool { return in.deferred != nil }

func (in *inbound) Binding() (pattern, group string) { return in.b.pattern, in.b.opts.group }

func (in *inbound) Style() string {
	switch topic := in.b.kind == KindTopic; {
	case topic && in.env.Gather:
		return opGather
	case topic:
		return opPublish
	case in.wantsReply():
		return opRequest
	}
	return opSend
}

func (in *inbound) answeredLater(err error) {
	for l := in.later; l != nil; l = l.next {
		l.observer.AnsweredLater(err)
	}
}
