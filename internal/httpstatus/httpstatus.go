// Package httpstatus says which status of HTTP an error has, as docs/wire/http.md specifies.
package httpstatus

import (
	"net/http"

	"github.com/polywire/polywire/transport"
)

// Of derives the status of an error, for peers that do not read Polywire-Code.
func Of(c transport.Code) int {
	switch c {
	case transport.CodeCanceled:
		return 499
	case transport.CodeInvalidArgument, transport.CodeFailedPrecondition, transport.CodeOutOfRange:
		return http.StatusBadRequest
	case transport.CodeDeadlineExceeded:
		return http.StatusGatewayTimeout
	case transport.CodeNotFound:
		return http.StatusNotFound
	case transport.CodeAlreadyExists, transport.CodeAborted:
		return http.StatusConflict
	case transport.CodePermissionDenied:
		return http.StatusForbidden
	case transport.CodeResourceExhausted:
		return http.StatusTooManyRequests
	case transport.CodeUnimplemented:
		return http.StatusNotImplemented
	case transport.CodeUnavailable:
		return http.StatusServiceUnavailable
	case transport.CodeUnauthenticated:
		return http.StatusUnauthorized
	}
	return http.StatusInternalServerError
}
