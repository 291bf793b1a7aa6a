package codectest

import "runtime"

// allocated is what f allocates, what is garbage then included. What others
// allocate meanwhile counts too: so it is the least of three calls that exceeds
// no bound that holds.
func allocated(f func()) uint64 {
	least := ^uint64(0)
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}
