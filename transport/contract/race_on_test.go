//go:build race

package contract_test

// raceEnabled is true under -race, where a sync.Pool drops what it is given now and then.
const raceEnabled = true
