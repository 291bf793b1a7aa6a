package grpcstub

import (
	"context"
	"errors"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/polywire/polywire/transport"
)

// A callError is what a call returns: a status for whoever knows gRPC, and the error of the transport behind it.
type callError struct {
	status *status.Status
	cause  error
}

func (e *callError) Error() string { return e.status.String() }

// GRPCStatus is found by package status.
func (e *callError) GRPCStatus() *status.Status { return e.status }

// Unwrap gives the *transport.Error, so that errors.Is finds its code and transport.ErrNoHandler.
func (e *callError) Unwrap() error { return e.cause }

// Is reports whether target is a status of the same code, text and details.
func (e *callError) Is(target error) bool { return errors.Is(e.status.Err(), target) }

// retryInfo is the type of the detail that transport.Error.RetryAfter is in a status.
const retryInfo = "type.googleapis.com/google.rpc.RetryInfo"

// fromTransport is the error of a call that failed with err.
func fromTransport(err error) error {
	var e *transport.Error
	if !errors.As(err, &e) {
		e = transport.CodeUnknown.Errorf("%w", err)
	}
	p := &spb.Status{Code: int32(e.Code), Message: e.Message}
	if errors.Is(err, transport.ErrNoHandler) {
		// The peer is there, and has no such method: what gRPC servers call Unimplemented.
		p.Code = int32(codes.Unimplemented)
	}
	told := false
	_, details := metadataOf(e.Details)
	for _, d := range details {
		told = told || d.Type == retryInfo
		p.Details = append(p.Details, &anypb.Any{TypeUrl: d.Type, Value: d.Data})
	}
	if e.RetryAfter > 0 && !told {
		if b, err := proto.Marshal(&errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter)}); err == nil {
			p.Details = append(p.Details, &anypb.Any{TypeUrl: retryInfo, Value: b})
		}
	}
	return &callError{status.FromProto(p), err}
}

// refused is the error of a call that reaches no transport.
func refused(method string, err error) error {
	code, text := transport.CodeInvalidArgument, err.Error()
	var e *transport.Error
	if errors.As(err, &e) {
		code, text = e.Code, e.Message
	}
	out := code.Errorf("grpcstub: %s", text)
	out.Op, out.Destination = "call", clip(method)
	return fromTransport(out)
}

// toTransport is what a handler's error tells the caller: a status as it is, with the metadata of the call, and all else as the core decides.
func toTransport(err error, s *serverStream) error {
	if e := ofStatus(err); e != nil {
		e.Details = append(e.Details, s.failed()...)
		return e
	}
	return err
}

// ofStatus makes the error of a status; nil of any other error.
func ofStatus(err error) *transport.Error {
	var e *transport.Error
	var c transport.Code
	if errors.As(err, &e) || errors.As(err, &c) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	s, ok := status.FromError(err)
	if !ok {
		return nil
	}
	out := &transport.Error{Code: transport.Code(s.Code()), Message: s.Message()}
	if !out.Code.Valid() || s.Code() > codes.Unauthenticated {
		out.Code = transport.CodeUnknown
	}
	for _, d := range s.Proto().GetDetails() {
		out.Details = append(out.Details, transport.Detail{Type: d.GetTypeUrl(), Data: d.GetValue()})
		if d.GetTypeUrl() == retryInfo {
			out.RetryAfter = delay(d.GetValue())
		}
	}
	return out
}

func delay(b []byte) time.Duration {
	var info errdetails.RetryInfo
	if proto.Unmarshal(b, &info) != nil {
		return 0
	}
	return max(info.GetRetryDelay().AsDuration(), 0)
}
