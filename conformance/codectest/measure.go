package codectest

import "runtime"

// allocatedAtMost is what f allocates, what is garbage then included. What others
// allocate meanwhile counts too: so it is the least of three calls, or the first
// that keeps to the bound.
func allocatedAtMost(most uint64, f func()) uint64 {
	least := ^uint64(0)
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		if least = min(least, after.TotalAlloc-before.TotalAlloc); least <= most {
			break
		}
	}
	return least
}
