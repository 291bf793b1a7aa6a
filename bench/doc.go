// Package bench measures what codecs cost, by shape, and what a call through
// [transport.Conn] costs in one process, with the defaults of a Conn on: id, deadline, header, limits, checks,
// isolation. Every message has 128 bytes and two header fields unless a name says otherwise.
//
// Names are key=value, so that benchstat compares along any of them:
//
//	go test -run '^$' -bench Request -benchmem -count 10 ./bench | benchstat -col /handlers -
//	go test -run '^$' -bench '^BenchmarkCodec$' -count 10 ./bench | benchstat -col /codec -
//
// Tests assert allocations and bytes on the wire, which do not depend on the machine; times are
// compared with other libraries in bench/peers, and told in docs/benchmarks.md.
package bench
