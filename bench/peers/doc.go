// Command peers compares what calls and codecs cost in one process: through
// polywire, with its defaults on, and through other libraries, in one run.
//
//	go run . -rounds 12 -time 200ms                 all lines, as Markdown
//	go run . -run '^Codec/format=json'              some of them
//	go run . -run '^Request' -format go | tee new   what benchstat reads
//
// A [line] is one thing to do. Each of its entries is a library made ready for
// it, a [rig]. All rigs of a line are open at once and are measured in turn, round after round, in an
// order that rotates; what counts is the ratio within a round:
//
//	lines.go ─▶ entries ─▶ prove ─▶ calibrate ─▶ rounds × entries ─▶ samples ─▶ ratios ─▶ goals ─▶ report.go
//
// A rig proves that it works before it is timed, and a timed run fails on a wrong
// reply or a lost message. One operation counts what it costs at both ends.
package main
