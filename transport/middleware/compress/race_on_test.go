//go:build race

package compress_test

const raceEnabled = true // the race detector allocates
