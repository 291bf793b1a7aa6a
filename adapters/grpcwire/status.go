package grpcwire

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/polywire/polywire/transport"
)

const (
	noHandler = "no-handler"
	queueFull = "queue-full"
	closing   = "closing"
	retryInfo = "type.googleapis.com/google.rpc.RetryInfo"
)

var errClosing = errors.New("this node is closing")

// asError finds what to tell a peer of a failure of this node.
func asError(err error) *transport.Error {
	var e *transport.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return transport.CodeDeadlineExceeded.Errorf("the time was up before the handler answered")
	case errors.Is(err, context.Canceled):
		return transport.CodeCanceled.Errorf("the caller went away")
	case errors.Is(err, transport.ErrClosed):
		return transport.CodeUnavailable.Errorf("%w", errClosing)
	case errors.Is(err, io.EOF):
		return invalid("the call has no message")
	}
	if s, ok := status.FromError(err); ok { // of gRPC itself, as for a message that is too large
		return &transport.Error{Code: codeOf(s.Code()), Message: s.Message()}
	}
	return transport.CodeInternal.Errorf("this node failed")
}

// statusOf is what a caller gets for err, and the trailer that tells our own peers the rest.
//
// To a stranger, a destination that nobody handles is a method that does not exist, and the hint
// when to try again is a detail.
func statusOf(err error, ours bool) (*spb.Status, metadata.MD) {
	e := asError(err)
	s := &spb.Status{Code: int32(e.Code), Message: e.Message}
	for _, d := range e.Details {
		s.Details = append(s.Details, &anypb.Any{TypeUrl: d.Type, Value: d.Data})
	}
	nobody := errors.Is(e, transport.ErrNoHandler)
	if !ours {
		if nobody {
			s.Code = int32(transport.CodeUnimplemented)
		}
		if e.RetryAfter > 0 {
			s.Details = append(s.Details, &anypb.Any{TypeUrl: retryInfo, Value: appendRetryInfo(nil, e.RetryAfter)})
		}
		return s, nil
	}
	md := metadata.MD{nodeKey: {"1"}}
	switch {
	case nobody:
		md[reasonKey] = []string{noHandler}
	case errors.Is(e, errClosing):
		md[reasonKey] = []string{closing}
	}
	if e.RetryAfter > 0 {
		md[retryKey] = []string{strconv.FormatInt(int64((e.RetryAfter+time.Microsecond-1)/time.Microsecond), 10)}
	}
	return s, md
}

// errorOf is the error of a status that came with a trailer.
func errorOf(s *status.Status, trailer metadata.MD) *transport.Error {
	if first(trailer, reasonKey) == noHandler {
		return transport.CodeUnavailable.Errorf("%w", transport.ErrNoHandler)
	}
	e := &transport.Error{Code: codeOf(s.Code()), Message: s.Message()}
	for _, d := range s.Proto().GetDetails() {
		e.Details = append(e.Details, transport.Detail{Type: d.GetTypeUrl(), Data: d.GetValue()})
		if strings.HasSuffix(d.GetTypeUrl(), "/google.rpc.RetryInfo") {
			e.RetryAfter = readRetryInfo(d.GetValue())
		}
	}
	if us, err := strconv.ParseInt(first(trailer, retryKey), 10, 64); err == nil && us > 0 && us < int64(24*time.Hour/time.Microsecond) {
		e.RetryAfter = time.Duration(us) * time.Microsecond
	}
	return e
}

// codeOf is the code of a status; numbers that none has are unknown.
func codeOf(c codes.Code) transport.Code {
	if c > codes.Unauthenticated || !transport.Code(c).Valid() {
		return transport.CodeUnknown
	}
	return transport.Code(c)
}

func first(md metadata.MD, key string) string {
	if v := md[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// appendRetryInfo writes google.rpc.RetryInfo, which holds a google.protobuf.Duration.
func appendRetryInfo(b []byte, d time.Duration) []byte {
	inner := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(d/time.Second)) //nolint:gosec // above 0
	inner = protowire.AppendVarint(protowire.AppendTag(inner, 2, protowire.VarintType), uint64(d%time.Second))
	return protowire.AppendBytes(protowire.AppendTag(b, 1, protowire.BytesType), inner)
}

// readRetryInfo reads a delay of up to a day; 0 is one that cannot be read.
func readRetryInfo(b []byte) time.Duration {
	var d time.Duration
	for f := range fieldsOf(b) {
		if f.number != 1 {
			continue
		}
		for g := range fieldsOf(f.bytes) {
			switch {
			case g.number == 1 && g.value < 24*60*60:
				d += time.Duration(g.value) * time.Second
			case g.number == 2 && g.value < uint64(time.Second):
				d += time.Duration(g.value)
			}
		}
	}
	return d
}

func tooLarge(limit int) error {
	return transport.CodeResourceExhausted.Errorf("the body is larger than %d bytes", limit)
}
