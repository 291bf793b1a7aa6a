// Package contracttest proves that typed endpoints mean the same over a codec
// and a wire as over every other.
//
// Its cases are those of transporttest in form, and run on the same Harness, so
// whoever has one for an adapter runs them for each codec:
//
//	func TestContracts(t *testing.T) {
//		contracttest.Suite{Codec: mine.New()}.Run(t, harness())
//	}
//
// or puts [Suite.Cases] into the Options of transporttest.Execute, for a report.
//
//	Suite ──▶ Case ──▶ Env.Pair ──▶ Suite.Bus ──▶ contract.Bus ──▶ endpoints
//	                   server, client
//
// A format of the suite's own stands beside the one under test, so that
// something can be negotiated, and its values need no engine.
package contracttest
