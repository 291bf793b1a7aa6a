//go:build !unix

package main

import (
	"fmt"
	"runtime"
	"time"
)

func cpuTime() (time.Duration, error) {
	return 0, fmt.Errorf("the CPU time of a process is not measured on %s: use a Unix", runtime.GOOS)
}
