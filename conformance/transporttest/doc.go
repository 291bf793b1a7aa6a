// Package transporttest proves that an adapter means what docs/semantics.md says.
//
// The rules are cases, held as data: [Cases] lists them, each with an id, the rule
// in one sentence, and the sections of the semantics that it checks. They use
// exported API alone, so an adapter of any repository runs them all:
//
//	func TestConformance(t *testing.T) {
//		transporttest.Run(t, transporttest.Harness{
//			Name: "mine",
//			New:  func(ctx context.Context, o transporttest.ConnOptions) (server, client *transport.Conn, err error) { … },
//		})
//	}
//
// What a run proves, and what it never hides:
//
//	feature declared       the case runs and must pass
//	feature not declared   the case is inverted: the call must fail at once with
//	                       CodeUnimplemented and the feature's name, or, where no call
//	                       asks for the feature, the weaker promise is checked
//	feature takes away     the case is inverted where Inline is declared: what is left of the
//	                       rule is checked, and that the feature is true
//	ability missing        skipped, with the reason, and counted
//	known failure          runs, and must still fail
//	every case             ends with closed Conns and a leak check
//
// The suite is proven in turn: [Rules] lists every numbered rule of the semantics with
// its cases, [Faults] breaks each rule on purpose, around any adapter, and
// [Mutate] shows that the cases notice. docs/conformance.md explains the catalogue.
//
//	Run(t, h) ─┐                         ┌─ Harness.New ─▶ server, client *transport.Conn
//	           ├▶ for each Case ─▶ Env ──┤
//	Execute ───┘        │                └─ Peer, Another, Via, Raw: abilities, optional
//	                    ▼
//	                  Result ─▶ Report: text, JSON, JUnit
package transporttest
