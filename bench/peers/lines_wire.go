package main

import (
	"fmt"
	"strconv"
)

// wireLines are requests and deliveries over loopback, both ends in this process.
func wireLines() []line {
	var out []line
	for _, callers := range []int{1, 64} {
		out = append(out, postLine(callers), restLine(callers), unaryLine(callers))
	}
	for _, subscribers := range []int{1, 16} {
		l := line{
			name: "SSE", params: []param{{"subscribers", strconv.Itoa(subscribers)}}, each: subscribers,
			title: fmt.Sprintf("a delivery by server-sent events of a Publish to %d subscribers, which read as plain HTTP clients", subscribers),
			entries: []entry{
				publishes(oursName, ownSSEKind, openSSENode, fanout(subscribers)),
				publishes(flushName, flushSSEKind, openFlusher, fanout(subscribers)),
			},
			goals: []goal{{ratio, flushName, 0.15}},
		}
		out = append(out, l)
	}
	return out
}

// ahead are goals to cost no more than each framework.
func ahead(of ...string) []goal {
	var out []goal
	for _, name := range of {
		out = append(out, goal{ratio, name, 1})
	}
	return out
}

func postLine(callers int) line {
	return line{
		name: "Post", params: []param{{"callers", strconv.Itoa(callers)}}, each: 1,
		title: fmt.Sprintf("a Request of 128 B over HTTP/1.1 as a plain POST, reply likewise, %d at a time", callers),
		entries: []entry{
			requests(oursName, ownHTTPKind, overWire("http"), small, callers),
			requests(nethttpName, nethttpKind, openNetHTTP, small, callers),
			requests("fasthttp", fasthttpKind, openFastHTTP, small, callers),
			requests("connect-v1", connectPostKind, connect1HTTP(false), small, callers),
			requests(connect2Name, connectPostKind, connect2HTTP(false), small, callers),
			requests("kratos", kratosPostKind, openKratosHTTP, small, callers),
			requests("yarpc", yarpcPostKind, openYARPCHTTP, small, callers),
		},
		goals: append([]goal{{ratio, nethttpName, 1.1}}, ahead("connect-v1", connect2Name, "kratos", "yarpc")...),
	}
}

func restLine(callers int) line {
	return line{
		name: "REST", params: []param{{"callers", strconv.Itoa(callers)}}, each: 1,
		title: fmt.Sprintf("a typed Request of 128 B as PUT %s?%s over HTTP/1.1, reply likewise, %d at a time", pricePath, seatsKey, callers),
		entries: []entry{
			requests(oursName, ownRESTKind, openREST, small, callers),
			requests(muxName, muxRESTKind, openMuxREST, small, callers),
			requests("kratos", kratosRESTKind, openKratosREST, small, callers),
		},
		goals: append([]goal{{ratio, muxName, 1.1}}, ahead("kratos")...),
	}
}

func unaryLine(callers int) line {
	return line{
		name: "Unary", params: []param{{"callers", strconv.Itoa(callers)}}, each: 1,
		title: fmt.Sprintf("a Request of 128 B by native gRPC, reply likewise, %d at a time", callers),
		entries: []entry{
			requests(oursName, ownGRPCKind, overWire("grpc"), small, callers),
			requests(grpcgoName, grpcgoKind, openGRPCGo, small, callers),
			requests("connect-v1", connectGRPCKind, connect1HTTP(true), small, callers),
			requests(connect2Name, connectGRPCKind, connect2HTTP(true), small, callers),
			requests("kratos", kratosGRPCKind, openKratosGRPC, small, callers),
			requests("yarpc", yarpcGRPCKind, openYARPCGRPC, small, callers),
		},
		goals: append([]goal{{ratio, grpcgoName, 1.1}, {moreAllocs, grpcgoName, 5}}, ahead("connect-v1", connect2Name, "kratos", "yarpc")...),
	}
}

// layerLines are ours beside ours: what a layer costs over the one below it.
func layerLines() []line {
	return []line{
		{
			name: "Middleware", params: []param{{"tracing", "off"}}, each: 1,
			title:   "a Request in one process with tracing off",
			entries: []entry{requests(oursName, offKind, tracingOff, small, 1), requests(plainName, plainKind, polywireRequests(isolated), small, 1)},
			goals:   []goal{{ratio, plainName, 1.05}, {moreAllocs, plainName, 0}},
		},
		{
			name: "Contract", params: []param{{"codec", "json"}}, each: 1,
			title:   "a typed request in one process",
			entries: []entry{requests(oursName, contractKind, typedRequests, small, 1), requests(bytesName, bytesKind, byHand, small, 1)},
			goals:   []goal{{ratio, bytesName, 1.05}, {moreAllocs, bytesName, 0}},
		},
	}
}
