package main

import (
	"fmt"
	"slices"
	"strconv"
)

// Goals for what the core does in one process, of docs/benchmarks.md.
func requestGoals() []goal {
	return []goal{{ratio, connect2Name, 1.2}, {ratio, natsName, 0.15}, {allocs, "", 5}}
}

// Names of entries that goals are about.
const (
	oursName     = "polywire"
	connect2Name = "connect-v2"
	natsName     = "nats"
	sublistName  = "nats-sublist"
	nethttpName  = "net-http"
	grpcgoName   = "grpc-go"
	flushName    = "flush-each"
)

// lines are all that is compared.
func lines() []line {
	all := []line{
		requestLine(requestGoals(), small, 1,
			requests(connect2Name, connect2Kind, openConnect2, small, 1),
			requests("connect-v1", connect1Kind, openConnect1, small, 1),
			requests("go-micro", gomicroRPCKind, openGomicroRPC, small, 1),
			requests("go-micro-transport", gomicroKind, openGomicro, small, 1),
			requests("mangos", mangosKind, openMangosRequests, small, 1),
			requests(natsName, natsKind, natsRequests, small, 1),
			requests("watermill", watermillKind, openMillRequests, small, 1),
			requests("channel", channelKind, openChannel, small, 1)),
		{
			name: "Request", params: []param{{"handlers", "inline"}, {"callers", "1"}, {"bytes", strconv.Itoa(small)}}, each: 1,
			title:   "a Request whose handler runs on its caller's goroutine (`?inline`)",
			entries: []entry{requests(oursName, inlineKind, polywireRequests(inline), small, 1), requests(connect2Name, connect2Kind, openConnect2, small, 1)},
			goals:   []goal{{ratio, connect2Name, 0.65}},
		},
		publishLine("a Publish to one subscriber", []goal{{ratio, natsName, 0.15}, {allocs, "", 2}}, 1, asynchronous()),
		inlineLine("a Publish to one subscriber on the publisher's goroutine (`?inline`)", 1),
		publishLine("a delivery of a Publish to 100 subscribers", []goal{{ratio, natsName, 0.1}}, 100, asynchronous()),
		inlineLine("a delivery of a Publish to 100 subscribers on the publisher's goroutine (`?inline`)", 100),
	}
	return slices.Concat(all, routes(), scale(), wireLines(), layerLines(), codecLines())
}

func requestLine(goals []goal, size, callers int, peers ...entry) line {
	ours := requests(oursName, isolatedKind, polywireRequests(isolated), size, callers)
	return line{
		name: "Request", params: []param{{"handlers", "isolated"}, {"callers", strconv.Itoa(callers)}, {"bytes", strconv.Itoa(size)}}, each: 1,
		title:   fmt.Sprintf("a Request of %d B, reply likewise, %d at a time", size, callers),
		entries: append([]entry{ours}, peers...), goals: goals, series: "a Request",
	}
}

// A way is a library's way to publish.
type way struct {
	name, kind string
	open       subscriber
}

// asynchronous are the ways in which a publisher does not wait for handlers.
func asynchronous() []way {
	return []way{
		{natsName, natsPublishKind, natsPublishes},
		{"mangos", mangosPublishKind, openMangosPublishes},
		{"watermill", watermillPublishKind, openMillPublishes},
		{"eventbus-async", eventbusAsyncKind, eventbusPublishes(true)},
		{"channel", channelKind, channelPublishes},
	}
}

func publishLine(title string, goals []goal, subscribers int, peers []way) line {
	l := published(title, goals, "isolated", subscribers, append([]way{{oursName, isolatedKind, polywirePublishes(isolated)}}, peers...))
	l.series = "a delivery of a Publish"
	return l
}

// inlineLine compares with libraries that call handlers before Publish returns.
func inlineLine(title string, subscribers int) line {
	return published(title, nil, "inline", subscribers, []way{
		{oursName, inlineKind, polywirePublishes(inline)},
		{"go-micro", gomicroBrokerKind, openGomicroBroker},
		{"eventbus", eventbusKind, eventbusPublishes(false)},
	})
}

func published(title string, goals []goal, handlers string, subscribers int, ways []way) line {
	l := line{name: "Publish", title: title, goals: goals, each: subscribers}
	l.params = []param{{"handlers", handlers}, {"subscribers", strconv.Itoa(subscribers)}}
	for _, w := range ways {
		l.entries = append(l.entries, publishes(w.name, w.kind, w.open, fanout(subscribers)))
	}
	return l
}

// routes are lines among many subscriptions: the look-up alone, and all of a Publish.
func routes() []line {
	var out []line
	for _, use := range []struct {
		names int
		goal  goal
	}{{64, goal{cpu, "", 100}}, {10_000, goal{ratio, sublistName, 0.5}}, {40_000, goal{ratio, sublistName, 0.5}}} {
		out = append(out, line{
			name: "Lookup", params: []param{{"subscriptions", strconv.Itoa(subscriptions)}, {"names", strconv.Itoa(use.names)}}, each: 1,
			title:   fmt.Sprintf("a look-up among 10,000 subscriptions, a fifth with wildcards, of %d names in turn", use.names),
			entries: []entry{lookups(oursName, routerKind, openRouter, use.names), lookups(sublistName, sublistKind, openSublist, use.names)},
			goals:   []goal{use.goal},
		})
	}
	for _, names := range []int{64, 40_000} {
		t := traffic{patterns: patterns(), topics: topics(names), reach: 1, size: small}
		out = append(out, line{
			name: "Route", params: []param{{"subscriptions", strconv.Itoa(subscriptions)}, {"names", strconv.Itoa(names)}}, each: 1,
			title: fmt.Sprintf("a Publish among 10,000 subscriptions that reaches one, to %d names in turn", names),
			entries: []entry{
				publishes(oursName, isolatedKind, polywirePublishes(isolated), t),
				publishes(natsName, natsPublishKind, natsPublishes, t),
			},
		})
	}
	return out
}

// scale are lines that show how cost grows with subscribers, bytes and callers.
func scale() []line {
	var out []line
	for _, n := range []int{10, 1000} {
		some := asynchronous()
		out = append(out, publishLine(fmt.Sprintf("a delivery of a Publish to %d subscribers", n), nil, n, []way{some[0], some[3], some[4]}))
	}
	for _, size := range []int{1 << 10, 8 << 10, 64 << 10} {
		out = append(out, requestLine(nil, size, 1, several(size, 1)...))
	}
	for _, callers := range []int{4, 16, 64} {
		out = append(out, requestLine(nil, small, callers, several(small, callers)...))
	}
	for i := range out {
		out[i].scale = true
	}
	return out
}

// several are the peers whose requests are measured at all sizes.
func several(size, callers int) []entry {
	return []entry{
		requests(connect2Name, connect2Kind, openConnect2, size, callers),
		requests("mangos", mangosKind, openMangosRequests, size, callers),
		requests(natsName, natsKind, natsRequests, size, callers),
	}
}
