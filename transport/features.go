package transport

import "strings"

// An Acceptance says how far a message is known to have got when Send or Publish returns nil.
type Acceptance uint8

// The levels of acceptance, from the weakest on.
const (
	Queued  Acceptance = iota + 1 // in the bounded queue of the destination's home
	Written                       // handed to the wire
	Stored                        // the broker confirmed that it keeps it
	Handled                       // the handler ran
)

func (a Acceptance) String() string {
	switch a {
	case Queued:
		return "queued"
	case Written:
		return "written"
	case Stored:
		return "stored"
	case Handled:
		return "handled"
	}
	return "default"
}

// Features say what an adapter does. Every field is a promise that the
// conformance suite checks, a false one too: a verb that needs a feature which is
// not declared fails at once with CodeUnimplemented and the field's name.
type Features struct {
	Adapter string // the adapter's name, as "kafka"; opens every error text

	Send    bool // one-way notification to one handler
	Request bool // request/response, also asynchronous
	Publish bool // publish and subscribe
	Gather  bool // publish with asynchronous responses

	Groups       bool // Subscribe WithGroup shares deliveries
	Wildcards    bool // Subscribe takes * and >
	OrderedByKey bool // messages of one Key and sender are handled in order

	Acceptance  Acceptance   // what a nil error of Send and Publish means by default
	Acceptances []Acceptance // levels that WithAcceptance may ask for besides the default

	DetectsNoHandler          bool // a Send or Request that nobody handles fails with ErrNoHandler
	DetectsNoHandlerOnRequest bool // only a Request does
	CountsResponders          bool // a Gather ends when every subscriber has answered
	CancelsRemotely           bool // a caller that gives up ends the handler's ctx
	RelativeExpiry            bool // remaining time travels as a duration, so clocks do not matter
	Redelivers                bool // what a dying consumer had not settled is delivered again
	Durable                   bool // what is accepted survives a restart of the system
	DetachedReply             bool // a deferred reply can be given by another process
	InProcess                 bool // all ends live in this process
	Inline                    bool // handlers run on their callers' goroutines: a call lasts as long as its handler, past its deadline too
	TLS                       bool // the wire can be encrypted
	Authentication            bool // peers can prove who they are

	MaxBody int // bytes; 0 is no limit of the adapter's own
}

// names lists the boolean features in the order of the struct, for errors, tables and comparisons.
func (f *Features) names() []featureField {
	return []featureField{
		{"Send", f.Send}, {"Request", f.Request}, {"Publish", f.Publish}, {"Gather", f.Gather},
		{"Groups", f.Groups}, {"Wildcards", f.Wildcards}, {"OrderedByKey", f.OrderedByKey},
		{"DetectsNoHandler", f.DetectsNoHandler}, {"DetectsNoHandlerOnRequest", f.DetectsNoHandlerOnRequest || f.DetectsNoHandler},
		{"CountsResponders", f.CountsResponders}, {"CancelsRemotely", f.CancelsRemotely}, {"RelativeExpiry", f.RelativeExpiry},
		{"Redelivers", f.Redelivers}, {"Durable", f.Durable}, {"DetachedReply", f.DetachedReply}, {"InProcess", f.InProcess},
		{"Inline", f.Inline}, {"TLS", f.TLS}, {"Authentication", f.Authentication},
	}
}

type featureField struct {
	name string
	has  bool
}

// Has reports whether the boolean feature of that name, as "Gather", is declared.
// It is false for a name that is none.
func (f Features) Has(name string) bool {
	for _, x := range f.names() {
		if x.name == name {
			return x.has
		}
	}
	return false
}

// Names lists the boolean features that there are, in a fixed order.
func (f Features) Names() []string {
	var names []string
	for _, x := range f.names() {
		names = append(names, x.name)
	}
	return names
}

func (f Features) String() string {
	var have []string
	for _, x := range f.names() {
		if x.has {
			have = append(have, x.name)
		}
	}
	return f.Adapter + ": " + strings.Join(have, " ") + " acceptance=" + f.Acceptance.String()
}

// accepts reports whether level can be asked for.
func (f *Features) accepts(level Acceptance) bool {
	if level == 0 || level == f.Acceptance {
		return true
	}
	for _, a := range f.Acceptances {
		if a == level {
			return true
		}
	}
	return false
}

// missing is the error of a call that needs a feature which is not there.
func missing(feature string) error {
	return CodeUnimplemented.Errorf("Features.%s is missing: this adapter cannot do it; choose a transport that declares it", feature)
}
