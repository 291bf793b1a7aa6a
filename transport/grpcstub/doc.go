// Package grpcstub lets stubs that protoc-gen-go-grpc generated talk over any
// transport: in process, HTTP, gRPC, RabbitMQ, Kafka. The generated code, the
// handlers behind it and the code that calls it stay as they are.
//
//	pb.NewAccountsClient(client) ─▶ Client.Invoke ─▶ Request ─▶ any adapter
//	pb.RegisterAccountsServer(server, impl)  ◀─ Handle ◀─┘
//
// The method /acme.accounts.v1.Accounts/Verify is the destination
// acme.accounts.v1.Accounts.Verify, to be routed, owned and guarded like any other;
// on a gRPC transport it is that method again, for peers that do not know polywire.
//
//	gRPC                                   polywire
//	message                                body, by the codec of the route, else Protobuf
//	content-subtype                        content type: a codec's name, and proto for Protobuf
//	metadata                               header; traceparent, tracestate and correlation-id are the message's own
//	initial metadata, trailers             header of the reply; trailers with keys that begin with trailer-
//	deadline, cancellation                 deadline, cancellation
//	status with details                    transport.Error with details; RetryInfo is RetryAfter
//	WaitForReady(false), as by default     WithFailFast
//	idempotency_level                      WithIdempotent
//	peer                                   its address is Message.Source, as the sender names itself; access.Peer tells who it has proved to be
//
// What has no counterpart is refused with the reason: methods that stream, codecs
// forced on one call, and metadata whose keys are fields of a Message, as "key" and "id".
// Metadata of a call that fails with a status travels as one more detail of the status, which a Client of this
// package takes out again, where it fits into the 16 details and 8 KiB that an error carries, behind the handler's own; gRPC clients of another kind see it as the detail
// polywire.v1.FailedMetadata, and no trailers. Compression is the transport's to choose, so
// UseCompressor changes nothing; nor does a ServiceConfig exist.
package grpcstub
