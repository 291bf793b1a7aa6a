package config

import "slices"

// A meaning says what a feature is to a service, by the styles that it matters to.
type meaning struct {
	feature string
	styles  []string // of a description; nil is all
	lost    string
	gained  string
	neutral bool // neither better nor worse
}

// matters reports whether the feature is anything to style; without one, every feature is.
func (m *meaning) matters(style string) bool {
	return style == "" || m.styles == nil || slices.Contains(m.styles, style)
}

// meanings are all boolean features, in the order of transport.Features. It is never written to.
var meanings = [...]meaning{
	{feature: "Send", styles: []string{"queue"}, lost: "one-way notifications are gone", gained: "one-way notifications work"},
	{feature: "Request", styles: []string{"method"}, lost: "requests are gone", gained: "requests work"},
	{feature: "Publish", styles: []string{"topic", "survey"}, lost: "publish and subscribe is gone", gained: "publish and subscribe works"},
	{feature: "Gather", styles: []string{"survey"}, lost: "gathering responses is gone", gained: "gathering responses works"},
	{feature: "Groups", styles: []string{"topic", "survey"}, lost: "subscribers cannot share messages by WithGroup", gained: "subscribers can share messages by WithGroup"},
	{feature: "Wildcards", styles: []string{"topic", "survey"}, lost: "Subscribe takes no * and no >", gained: "Subscribe takes * and >"},
	{feature: "OrderedByKey", styles: []string{"queue", "topic"}, lost: "messages of one key may be handled out of order", gained: "messages of one key are handled in order"},
	{feature: "DetectsNoHandler", styles: []string{"queue"}, lost: "a Send that nobody handles is kept for a handler to come, instead of failing with ErrNoHandler", gained: "a Send that nobody handles fails at once with ErrNoHandler"},
	{feature: "DetectsNoHandlerOnRequest", styles: []string{"method"}, lost: "a Request that nobody handles fails at its deadline, instead of at once with ErrNoHandler", gained: "a Request that nobody handles fails at once with ErrNoHandler"},
	{feature: "CountsResponders", styles: []string{"survey"}, lost: "a Gather waits for its deadline, WithMax or WithStall, also when all have answered", gained: "a Gather ends when all subscribers have answered"},
	{feature: "CancelsRemotely", styles: []string{"method", "survey"}, lost: "handlers work on after their caller gave up", gained: "a caller that gives up ends its handler's ctx"},
	{feature: "RelativeExpiry", lost: "deadlines travel as dates, so the machines' clocks must agree", gained: "deadlines travel as remaining time, so clocks do not matter"},
	{feature: "Redelivers", styles: []string{"queue", "topic"}, lost: "what a dying consumer had not settled is lost", gained: "what a dying consumer had not settled is delivered again"},
	{feature: "Durable", styles: []string{"queue", "topic"}, lost: "what is accepted does not survive a restart of the system", gained: "what is accepted survives a restart of the system"},
	{feature: "DetachedReply", styles: []string{"method", "survey"}, lost: "a deferred reply must come from the process that took the request", gained: "a deferred reply may come from another process"},
	{feature: "InProcess", neutral: true, lost: "messages leave the process: calls can meet a lost connection", gained: "all services must run in one process"},
	{feature: "Inline", neutral: true, lost: "a call returns at its deadline whatever its handler does", gained: "handlers run on their callers' goroutines: a call lasts as long as its handler, past its deadline too"},
	{feature: "TLS", lost: "the wire cannot be encrypted", gained: "the wire can be encrypted"},
	{feature: "Authentication", lost: "peers cannot prove who they are", gained: "peers can prove who they are"},
}
