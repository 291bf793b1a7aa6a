// Package testpb has the generated messages of this module's tests: here in the open
// API, below in the hybrid and the opaque one, and what proto2 and proto3 say in
// their own way.
package testpb

//go:generate ./generate.sh
