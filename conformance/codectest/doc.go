// Package codectest proves that a codec means what codecs promises: one value, any format.
//
// The rules are cases, held as data: [Cases] lists them, each with an id and the
// rule in one sentence. They use exported API alone, so a codec of any repository
// runs them all:
//
//	func TestConformance(t *testing.T) {
//		codectest.Run(t, codectest.Harness{
//			Name: "mine",
//			New:  func(l codecs.Limits) codecs.Codec { return minecodec.New(minecodec.WithLimits(l)) },
//		})
//	}
//
// What a run proves, and what it never hides:
//
//	a case                 runs on values of [Corpus] and must pass
//	a named deviation      inverts its cases: what is left of the rule is checked
//	any other deviation    must still fail, and is shown with its reason
//	known failure          runs, and must still fail
//	ability missing        skipped, with the reason, and counted
//
//	Run(t, h) ─┐                         ┌─ Harness.New ─▶ codecs.Codec
//	           ├▶ for each Case ─▶ Env ──┤
//	Execute ───┘        │                └─ Documents, Messages, Knowing: optional
//	                    ▼
//	                  Result ─▶ Report: text, JSON, JUnit
package codectest
