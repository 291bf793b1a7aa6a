// Package accountspb has the stubs of a gRPC service, as protoc-gen-go and protoc-gen-go-grpc make them.
package accountspb
