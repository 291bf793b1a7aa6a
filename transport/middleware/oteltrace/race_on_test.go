//go:build race

package oteltrace_test

const raceEnabled = true // the race detector allocates
