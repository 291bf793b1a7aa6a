// Package rest holds the rules that map destinations to verbs and paths of HTTP:
//
//	GET /orders/{id}?expand&page     a path with one variable; two names of the query
//	POST /orders                     the body is the message's
//	POST /orders/{id}:cancel         a verb of one's own, at the end of the path
//	GET /files/{name=files/*}        a variable of several segments
//	GET /static/{rest=**}            all that is left of the path, maybe nothing
//	DELETE /orders?*                 any name of the query
//	DELETE /orders/{id} body=*       with a body, which DELETE and GET have not otherwise
//	POST /orders/{id}/pay body=none  without one
//
// google.api.http is the model. Each segment of a path is decoded and encoded by
// itself, once, so that what a variable holds can neither become a slash nor leave
// its place: [Rule.Build] undoes [Table.Match], and segments . and .. are refused in
// both directions. The package uses the standard library alone.
package rest

// Types of the details of an error with CodeInvalidArgument that the REST face turns
// into a status of HTTP. Their data is the list of media types that would do.
const (
	DetailContentType = "polywire.content-type" // the request's: 415
	DetailAccept      = "polywire.accept"       // of the reply that was asked for: 406
)

// Destinations of the library's own that a node serves at fixed paths.
const (
	OpenAPI = "polywire.openapi" // GET /openapi.json
	TryIt   = "polywire.try"     // GET /try
)
