// Package codecbench measures codecs beside each other: for the benchmarks of
// package bench and for "polywire bench codec", which print the same rows.
//
//	codectest.Workloads ─▶ subjects ─▶ Prepare ─▶ Cases ─┬─▶ testing.B
//	                       plain and    checks            └─▶ Measure ─▶ Report ─▶ text, JSON, CSV, Markdown,
//	                       generated    equality                                   Go benchmarks, HTML
//
// Rows that are compared do the same work. A tier says how a codec is used:
//
//   - tuned: one codec for all calls, Append to a buffer that is used again,
//     Decode into a new value, as a service has it;
//   - naive: a new codec for each call and no buffer, as a first program has it.
//
// And rows are of plain structs or of the messages that protoc-gen-go makes of the
// same fields. A case is made only when what was decoded equals what was encoded,
// so no row tells the speed of a codec that loses something.
package codecbench
