// Package benchpb has the workloads of codectest as protoc-gen-go v1.36.12 makes them of bench.proto.
package benchpb

//go:generate protoc --go_out=. --go_opt=paths=source_relative bench.proto
