package main

import (
	"context"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const connect2Kind = "caller's goroutine and ctx, values shared; deadline told, not enforced; message deep-copied; headers copied"

// A connect2 is connect's second version with its own in-process transport, called
// as generated code calls it, with a message that is bytes alone.
type connect2 struct {
	client *connect.Client
	spec   connect.Spec
}

func openConnect2(_ context.Context, reply []byte) (requester, error) {
	server, spec := connect2Server(reply)
	return &connect2{client: connect.NewClient(connectinprocess.New(server)), spec: spec}, nil
}

func connect2Server(reply []byte) (*connect.Server, connect.Spec) {
	spec := connect.Spec{StreamType: connect.StreamTypeUnary, Procedure: quoteProcedure}
	made := wrapperspb.Bytes(reply)
	server := connect.NewServer()
	server.Register(connect.Method{Spec: spec, Handler: func(_ context.Context, _ connect.Spec, stream connect.ServerStream) error {
		var in wrapperspb.BytesValue
		if err := stream.Receive(&in); err != nil {
			return err
		}
		if reply == nil {
			return stream.Send(wrapperspb.Bytes(in.Value))
		}
		return stream.Send(made)
	}})
	return server, spec
}

func (c *connect2) caller(ctx context.Context, body []byte) (func() ([]byte, error), error) {
	in := wrapperspb.Bytes(body)
	return func() ([]byte, error) {
		ctx, info := connect.NewClientContext(ctx)
		info.RequestHeader().Set(tenantKey, tenant)
		info.RequestHeader().Set(regionKey, region)
		var out wrapperspb.BytesValue
		err := c.client.CallUnary(ctx, c.spec, in, &out)
		return out.Value, err
	}, nil
}

func (c *connect2) close() error { return nil }
