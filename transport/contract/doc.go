// Package contract is the only place where bytes meet values: typed endpoints,
// declared once as package variables, called and served over any [Bus].
//
//	Method[Req, Resp]  one handler answers            On: Request RequestAsync Send   Handle
//	Queue[T]           one handler                    On: Send                        Handle
//	Topic[T]           every subscription             On: Publish                     Subscribe
//	Survey[Req, Resp]  every subscription may answer  On: Gather                      Subscribe
//
//	 On(bus) ── codec, route and plan resolved once ──▶ plan
//	 value ──▶ write ──▶ Message ──▶ Bus ──▶ read ──▶ value ──▶ handler
//	 value ◀── answer ◀── Message ◀── Bus ◀── reply ◀── value ◀────┘
//
// Outbound, the route of the destination names the codec. Inbound, the content
// type of the message does: peers with different codecs talk to one service. A
// reply is written in what Accept asks for, else in the request's codec, else in
// the route's.
//
// Requests and replies are passed as pointers, because generated messages must
// not be copied. A handler reads header, attempt and sender of its message by
// [transport.Inbound].
//
// A [Service] groups the endpoints of one API, checks them, and describes them
// in a document for programs that do not have the Go types.
package contract
