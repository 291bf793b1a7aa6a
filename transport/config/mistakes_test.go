package config_test

import (
	"testing"

	"github.com/polywire/polywire/transport/config"
)

const head = "version: 1\ntransports:\n  a: {url: \"inproc://\", codec: json}\n"

// mistakes hold the exact error, which says how to mend it.
var mistakes = map[string]struct{ file, want string }{
	"unknown scheme": {
		"version: 1\ntransports:\n  a: {url: \"htp://x\", codec: json}\n",
		`taxi.yaml:3:12: transports.a.url: unknown scheme "htp" (known: direct, inproc, kafka, kafkas)`,
	},
	"no URL": {
		"version: 1\ntransports:\n  a: {codec: json}\n",
		`taxi.yaml:3:3: transports.a.url: is missing: say where the transport is, as "amqp://localhost:5672"`,
	},
	"an option unknown": {
		"version: 1\ntransports:\n  a: {url: \"kafka://x?partitons=3\", codec: json}\n",
		`taxi.yaml:3:12: transports.a.url: unknown option "partitons" (known: ca, cert, insecure-auth, key, linger, partitions, prefix, replication, sasl, session)`,
	},
	"a target that nothing can resolve": {
		head + "services:\n  s: {endpoints: [\"dns:///orders.svc\", \"consul:///orders\", \"file:///etc/orders\", \"srv:///orders\"]}\n",
		`taxi.yaml:5:19: services.s.endpoints[0]: target "dns:///orders.svc" needs a host and a port, as dns:///orders.svc:8080
taxi.yaml:5:82: services.s.endpoints[3]: target "srv:///orders" needs a service, a protocol and a name, as srv:///_http._tcp.orders.svc; the record tells the port`,
	},
	"unknown codec": {
		"version: 1\ntransports:\n  a: {url: \"inproc://\", codec: jsn}\n",
		`taxi.yaml:3:32: transports.a.codec: unknown codec "jsn" (known: json); did you mean "json"?`,
	},
	"unknown key": {
		head + "route: {}\n",
		`taxi.yaml:4:1: unknown key "route" (known: access, defaults, profiles, routes, services, transports, version); did you mean "routes"?`,
	},
	"unknown inner key": {
		"version: 1\ntransports:\n  a: {ur: \"inproc://\"}\n",
		`taxi.yaml:3:3: transports.a.url: is missing: say where the transport is, as "amqp://localhost:5672"
taxi.yaml:3:7: transports.a: unknown key "ur" (known: codec, compress, credentials, url); did you mean "url"?`,
	},
	"unknown transport": {
		head + "routes:\n  x.y: {transport: b}\n",
		`taxi.yaml:5:20: routes["x.y"].transport: unknown transport "b" (known: a)`,
	},
	"two on one name": {
		"version: 1\ntransports:\n  a: {url: \"inproc://\"}\n  a: {url: \"kafka://x\"}\n",
		`taxi.yaml:4:3: transports.a: "a" stands in line 3 already: drop one, or give each a name of its own`,
	},
	"no version": {
		"transports:\n  a: {url: \"inproc://\"}\n",
		`taxi.yaml:1:1: version: is missing: begin the file with version: 1`,
	},
	"another version": {
		"version: 3\ntransports:\n  a: {url: \"inproc://\"}\n",
		`taxi.yaml:1:10: version: is "3": this program reads version 1`,
	},
	"no transports": {
		"version: 1\n",
		`taxi.yaml:1:1: transports: there is none: name at least one, as bus: {url: "inproc://"}`,
	},
	"no default": {
		head + "  b: {url: \"kafka://x\"}\n",
		`taxi.yaml:1:1: defaults.transport: is missing: say which of the 2 transports carries what no route names`,
	},
	"wrong type": {
		"version: 1\ntransports: [a, b]\n",
		`taxi.yaml:1:1: transports: there is none: name at least one, as bus: {url: "inproc://"}
taxi.yaml:2:13: transports: is a list: want a mapping, with a name before each`,
	},
	"a list for a text": {
		"version: 1\ntransports:\n  a: {url: [x]}\n",
		`taxi.yaml:3:12: transports.a.url: is a list: want a single value`,
	},
	"bad duration": {
		head + "defaults: {timeout: 5}\n",
		`taxi.yaml:4:21: defaults.timeout: "5" has no unit: write "5s" for seconds`,
	},
	"negative duration": {
		head + "defaults: {timeout: -5s}\n",
		`taxi.yaml:4:21: defaults.timeout: "-5s" is no duration: write one above zero, as "500ms" or "2s"`,
	},
	"bad pattern": {
		head + "routes:\n  \"a..b\": {transport: a}\n",
		`taxi.yaml:5:3: routes["a..b"]: pattern "a..b": tokens are of [A-Za-z0-9_-], or * or >, joined by dots`,
	},
	"a middle >": {
		head + "routes:\n  \"a.>.b\": {transport: a}\n",
		`taxi.yaml:5:3: routes["a.>.b"]: pattern "a.>.b": > stands for the rest and comes last`,
	},
	"a tie": {
		head + "routes:\n  \"a.*.c\": {timeout: 1s}\n  \"a.b.*\": {timeout: 2s}\n",
		`taxi.yaml:6:3: routes["a.b.*"]: ties with "a.*.c" in line 5 for a.b.c: neither is the narrower one; add a route "a.b.c", or change one`,
	},
	"undefined variable": {
		"version: 1\ntransports:\n  a: {url: \"kafka://${KAFKA_HOST}\"}\n",
		`taxi.yaml:3:12: transports.a.url: the variable KAFKA_HOST is not set: set it, or give a default with ${KAFKA_HOST:-value}`,
	},
	"transport without anything": {
		"version: 1\ntransports:\n  bus:\n",
		`taxi.yaml:3:3: transports.bus: is empty: say where the transport is, as {url: "amqp://localhost:5672"}`,
	},
	"missing secret": {
		"version: 1\ntransports:\n  a: {url: \"kafka://u:${file:none.txt}@x\"}\n",
		`taxi.yaml:3:12: transports.a.url: ${file:…}: stat none.txt: no such file or directory`,
	},
	"an open brace": {
		"version: 1\ntransports:\n  a: {url: \"kafka://${HOST\"}\n",
		`taxi.yaml:3:12: transports.a.url: ${ without }: close it, or write $${ for the characters themselves`,
	},
	"unknown compression": {
		"version: 1\ntransports:\n  a: {url: \"inproc://\", compress: {algorithm: brotli}}\n",
		`taxi.yaml:3:47: transports.a.compress.algorithm: unknown algorithm "brotli" (known: zstd, gzip)`,
	},
	"no compression": {
		"version: 1\ntransports:\n  a: {url: \"inproc://\", compress: {agreed: true}}\n",
		`taxi.yaml:3:35: transports.a.compress.algorithm: is missing: say how to compress, as algorithm: zstd`,
	},
	"empty compression": {
		"version: 1\ntransports:\n  a: {url: \"inproc://\", compress: }\n",
		`taxi.yaml:3:35: transports.a.compress: is empty: say how, as {algorithm: zstd}, or leave the key out`,
	},
	"compression of one word": {
		"version: 1\ntransports:\n  a: {url: \"inproc://\", compress: zstd}\n",
		`taxi.yaml:3:35: transports.a.compress: is a single value: want a mapping of algorithm, threshold, agreed`,
	},
	"a threshold without unit": {
		"version: 1\ntransports:\n  a: {url: \"inproc://\", compress: {algorithm: zstd, threshold: 0, agreed: maybe}}\n",
		`taxi.yaml:3:64: transports.a.compress.threshold: is no size: write a whole number and its unit, as "512B", "1KiB" or "2MiB"
taxi.yaml:3:75: transports.a.compress.agreed: "maybe" is neither true nor false`,
	},
	"a threshold above the limit": {
		"version: 1\ntransports:\n  a: {url: \"inproc://\", compress: {algorithm: zstd, threshold: 5MiB, levl: 3}}\n",
		`taxi.yaml:3:64: transports.a.compress.threshold: limit 4194304: use from the threshold, 5242880 bytes, up to 1 GiB
taxi.yaml:3:70: transports.a.compress: unknown key "levl" (known: agreed, algorithm, threshold)`,
	},
	"owned twice": {
		head + "services:\n  s: {owns: [\"x.*\"]}\n  t: {owns: [\"x.*\"]}\n",
		`taxi.yaml:6:14: services.t.owns: x.* is owned by s already, in line 5: one service is the home of a destination`,
	},
	"a path that is none": {
		head + "services:\n  s:\n    owns: [\"x.*\"]\n    paths:\n      x.get: GET x\n      x.put: PUT /x/\n",
		`taxi.yaml:8:14: services.s.paths["x.get"]: rule "GET x": write a verb of GET, POST, PUT, PATCH and DELETE and a path, as GET /orders/{id}?expand
taxi.yaml:9:14: services.s.paths["x.put"]: rule "PUT /x/": a path does not end in a slash`,
	},
	"a path of an unknown destination": {
		head + "services:\n  s:\n    owns: [\"x.*\"]\n    paths:\n      y.get: GET /y\n      \"x.*\": GET /x\n",
		`taxi.yaml:8:14: services.s.paths["y.get"]: service s does not own this destination: add it to the owns of s, or take the path away
taxi.yaml:9:7: services.s.paths["x.*"]: destination "x.*" has a wildcard: wildcards are for Subscribe, routes and access rules`,
	},
	"two destinations on one path": {
		head + "services:\n  s:\n    owns: [\"x.*\"]\n    paths:\n      x.get: GET /x/{id}\n      x.read: GET /x/{name}\n",
		`taxi.yaml:9:15: services.s.paths["x.read"]: conflicts with x.get in line 8: "GET /x/{id}" and "GET /x/{name}" are the same: give each a path of its own`,
	},
	"bad name of service": {
		head + "services:\n  \"s s\": {owns: [\"x.*\"]}\n",
		`taxi.yaml:5:3: services["s s"]: a name has 1 to 48 of [A-Za-z0-9_-], with dots between`,
	},
	"not YAML": {
		"version: 1\n  transports: x: y\n",
		`taxi.yaml:2:13: this is no YAML: mapping values are not allowed in this context`,
	},
	"empty": {
		"",
		`taxi.yaml:1:1: the file is empty: begin with version: 1 and transports`,
	},
	"three at once": {
		"version: 1\ntransports:\n  a: {url: \"htp://x\", codec: jsn}\nroute: {}\n",
		`taxi.yaml:3:12: transports.a.url: unknown scheme "htp" (known: direct, inproc, kafka, kafkas)
taxi.yaml:3:30: transports.a.codec: unknown codec "jsn" (known: json); did you mean "json"?
taxi.yaml:4:1: unknown key "route" (known: access, defaults, profiles, routes, services, transports, version); did you mean "routes"?`,
	},
}

func TestEachMistakeSaysHowToMendIt(t *testing.T) {
	for name, m := range mistakes {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse("taxi.yaml", []byte(m.file), options(t))
			if err == nil {
				t.Fatalf("it is taken; want\n%s", m.want)
			}
			if got := err.Error(); got != m.want {
				t.Errorf("got\n%s\nwant\n%s", got, m.want)
			}
		})
	}
}
