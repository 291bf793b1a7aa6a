package transporttest

import (
	"context"
	"slices"
	"strings"
)

// A Level says what a failure of a case means.
type Level string

// Must cases decide whether an adapter conforms; advisory ones inform.
const (
	Must     Level = "must"
	Advisory Level = "advisory"
)

// A Tier says how often a case is worth its time.
type Tier string

// Fast cases take less than about two seconds; nightly ones repeat thousands of times.
const (
	Fast    Tier = "fast"
	Nightly Tier = "nightly"
)

// Abilities that a case may need of its [Harness].
const (
	AbilityAnother   = "another" // Harness.Another: further Conns
	AbilityAdapter   = "adapter" // Harness.Adapter: the adapter below a Conn
	AbilityRestart   = "restart" // Harness.Peer: the other side can be killed and started again
	AbilityPause     = "pause"   // Harness.Peer that is also a Pauser
	AbilityProxy     = "proxy"   // Harness.Upstream and Via: a faultproxy before the other side
	AbilityRequest   = "request" // Harness.Raw and Request: a stranger's request in bytes
	AbilityHTTP2     = "http2"   // Harness.Raw and HTTP2: a listener of HTTP/2
	AbilityCrowd     = "crowd"   // Harness.Raw and Crowded: a listener that serves few connections at once
	AbilityAuth      = "auth"    // Harness.Auth: peers prove who they are
	AbilityTLS       = "tls"     // Harness.TLSClient: a client with TLS and files of the suite
	AbilityMutualTLS = "mtls"    // and Harness.TLSServer and Upstream: a server of that wire
	AbilityFleet     = "fleet"   // Harness.Member, Balanced and Upstream: servers at addresses of their own, and a client of some
)

// A Case checks one rule.
type Case struct {
	ID        string   // as "T001"; reports and known failures name it
	Group     string   // letter of its group in the catalogue, as "A"
	Rule      string   // what it checks, in one sentence
	Sections  []string // rules of docs/semantics.md, as "1.4"
	Needs     []string // names of transport.Features; when one is missing the case is inverted
	Unless    string   // a feature that takes the rule away; where it is declared the case is inverted
	Abilities []string // what it needs of the Harness; when one is missing it is skipped
	Level     Level
	Tier      Tier
	Timing    bool // measures time: runs on a fake clock where the Harness allows

	// Run checks the rule and returns nil where it holds. It may stop early by Env.Fatalf.
	Run func(ctx context.Context, e *Env) error

	// Inverse, when set, is run in place of the general inversion when a
	// feature of Needs is missing, or Unless is there; it gets that one's name.
	Inverse func(ctx context.Context, e *Env, feature string) error
}

// Groups names the groups of the catalogue by letter.
func Groups() map[string]string {
	return map[string]string{
		"A": "styles and basic contract", "B": "headers", "C": "errors and codes", "D": "deadlines and cancellation",
		"E": "concurrency and order", "F": "competing consumers and settlement", "G": "publish and subscribe",
		"H": "scatter and gather", "I": "payloads", "J": "life cycle", "K": "reconnect", "L": "pressure",
		"M": "panic isolation", "N": "authentication and access", "O": "limits and hostile input", "P": "leaks", "Q": "bridges", "R": "histories",
	}
}

// Cases returns the catalogue, in the order of its ids.
func Cases() []Case {
	var all []Case
	for _, group := range [][]Case{
		styleCases(), headerCases(), errorCases(), deadlineCases(), concurrencyCases(), settlementCases(), fanoutCases(), gatherCases(), asyncCases(), payloadCases(), lifecycleCases(), panicCases(), pressureCases(),
		accessCases(), rawCases(), reconnectCases(), cutCases(), networkCases(), strangerCases(), floodCases(), serverCases(), hostileCases(), resourceCases(), fleetCases(), tlsCases(),
	} {
		all = append(all, group...)
	}
	for i := range all {
		c := &all[i]
		if c.Level == "" {
			c.Level = Must
		}
		if c.Tier == "" {
			c.Tier = Fast
		}
	}
	slices.SortStableFunc(all, func(a, b Case) int { return strings.Compare(a.ID, b.ID) })
	return all
}
