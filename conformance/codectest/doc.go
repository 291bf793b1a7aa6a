// Package codectest holds what every codec is held to: the values of [Workloads]
// that tests, fuzz targets and benchmarks share.
package codectest
