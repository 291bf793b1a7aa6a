// Package vtpb has messages as protoc-gen-go v1.36.12 and protoc-gen-go-vtproto v0.6.0 make them of bench.proto.
package vtpb

//go:generate protoc --go_out=. --go_opt=paths=source_relative --go-vtproto_out=. --go-vtproto_opt=paths=source_relative,features=marshal+unmarshal+size bench.proto
