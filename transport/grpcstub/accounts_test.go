package grpcstub_test

import (
	"context"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/polywire/polywire/internal/testpb/accountspb"
)

// accounts is a service as one writes it for grpc-go; nothing in it knows polywire.
type accounts struct {
	accountspb.UnimplementedAccountsServer
	left chan error // how the ctx of "wait" ended, written by its handler
}

func (a *accounts) Verify(ctx context.Context, in *accountspb.VerifyRequest) (*accountspb.Account, error) {
	switch {
	case in.GetCode() != 0 && in.GetId() != "metadata":
		return nil, failure(in)
	case in.GetId() == "wait":
		<-ctx.Done()
		a.left <- ctx.Err()
		return nil, ctx.Err()
	case in.GetId() == "metadata":
		if err := echo(ctx); err != nil {
			return nil, err
		}
		if in.GetCode() != 0 {
			return nil, failure(in)
		}
	}
	out := &accountspb.Account{Id: in.GetId(), Name: "Ada Lovelace", Payload: in.GetPayload()}
	if deadline, ok := ctx.Deadline(); ok {
		out.RemainingMs = time.Until(deadline).Milliseconds()
	}
	return out, nil
}

func (a *accounts) Find(ctx context.Context, in *accountspb.VerifyRequest) (*accountspb.Account, error) {
	return a.Verify(ctx, in)
}

// failure is the status that the request asks for.
func failure(in *accountspb.VerifyRequest) error {
	s := status.New(codes.Code(in.GetCode()), in.GetMessage())
	if len(in.GetMetadata()) == 0 {
		return s.Err()
	}
	s, err := s.WithDetails(
		&errdetails.ErrorInfo{Reason: "ASKED_FOR", Domain: "accounts.acme", Metadata: in.GetMetadata()},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "code", Description: "ü"}}},
	)
	if err != nil {
		return err
	}
	return s.Err()
}

// echo answers with the metadata that it got: as header what begins with h-, as trailers the rest.
func echo(ctx context.Context) error {
	in, _ := metadata.FromIncomingContext(ctx)
	header, trailer := metadata.MD{}, metadata.MD{}
	for key, values := range in {
		if key[0] == 'h' {
			header[key] = values
		} else {
			trailer[key] = values
		}
	}
	if err := grpc.SetHeader(ctx, header); err != nil {
		return err
	}
	if err := grpc.SendHeader(ctx, metadata.Pairs("h-last", "1")); err != nil {
		return err
	}
	if grpc.SetHeader(ctx, metadata.Pairs("h-late", "1")) == nil {
		return status.Error(codes.Internal, "a header after the last was taken")
	}
	return grpc.SetTrailer(ctx, trailer)
}

// older is the description of the service before Audit was added.
func older() *grpc.ServiceDesc {
	d := accountspb.Accounts_ServiceDesc
	d.Methods = nil
	for _, m := range accountspb.Accounts_ServiceDesc.Methods {
		if m.MethodName != "Audit" {
			d.Methods = append(d.Methods, m)
		}
	}
	return &d
}
