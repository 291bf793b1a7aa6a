// Package contract is the only place where bytes meet values: typed endpoints,
// declared once as package variables, called and served over any [Bus].
//
//	Method[Req, Resp]   Request RequestAsync Send    Handle      exactly one handler, which answers
//	Queue[T]            Send                         Handle      exactly one handler
//	Topic[T]            Publish                      Subscribe   every subscription, one member of each group
//	Survey[Req, Resp]   Gather                       Subscribe   likewise, and their answers are collected
package contract
