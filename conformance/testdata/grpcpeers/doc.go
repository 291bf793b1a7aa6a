// Package grpcpeers holds gRPC programs of others against polywire, both ways: the
// interop suite of grpc-go, connect-go, and grpcurl. It is a module of its own, so that
// nobody else's go.mod names them; it has nothing but tests.
package grpcpeers
