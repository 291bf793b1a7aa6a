#!/usr/bin/env bash
# Makes the Go files of all .proto files here. It takes protoc, or PROTOC as in
# PROTOC="python -m grpc_tools.protoc" after pip install grpcio-tools, and installs
# the protoc-gen-go of go.mod, and protoc-gen-go-grpc, into a temporary folder.
set -euo pipefail
cd "$(dirname "$0")"
bin=$(mktemp -d)
trap 'rm -r "$bin"' EXIT
GOBIN=$bin go install google.golang.org/protobuf/cmd/protoc-gen-go
GOBIN=$bin go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
features=$(go list -m -f '{{.Dir}}' google.golang.org/protobuf)/src
for api in hybrid opaque; do # kinds.proto again, in the other two APIs
	sed -e "s/API_OPEN/API_${api^^}/" -e "s/^package polywire.test;/package polywire.test.$api;/" \
		-e "s#/internal/testpb\"#/internal/testpb/${api}pb\"#" kinds.proto >"${api}pb/kinds.proto"
done
PATH=$bin:$PATH ${PROTOC:-protoc} -I . -I "$features" --go_out=. --go_opt=paths=source_relative \
	--go-grpc_out=. --go-grpc_opt=paths=source_relative *.proto */*.proto
rm hybridpb/*_protoopaque.pb.go # the hybrid API under a build tag that nobody sets
