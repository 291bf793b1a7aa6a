package wireharness

import (
	"slices"

	"github.com/polywire/polywire/conformance/transporttest"
)

// PeerFaults are the seeded faults of who peers are and what they may: cases about them need a wire that asks.
func PeerFaults() []transporttest.Fault { return faults(true) }

// NetworkFaults are the others that need a harness with abilities.
func NetworkFaults() []transporttest.Fault { return faults(false) }

func faults(ofPeers bool) []transporttest.Fault {
	return slices.DeleteFunc(transporttest.Faults(), func(f transporttest.Fault) bool {
		return len(f.Abilities) == 0 || ofPeers != slices.ContainsFunc(f.Abilities, func(a string) bool {
			return a == transporttest.AbilityAuth || a == transporttest.AbilityTLS || a == transporttest.AbilityMutualTLS
		})
	})
}
