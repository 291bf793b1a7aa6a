package grpcwire

import (
	"context"
	"hash/maphash"
	"slices"
	"sync/atomic"

	"google.golang.org/grpc/metadata"
)

// roomForPairs is what the metadata of most calls fits in.
const roomForPairs = 24

// pairs returns room for metadata, which keep takes back.
func (a *adapter) pairs() *[]string {
	if p, ok := a.rooms.Get().(*[]string); ok {
		return p
	}
	p := make([]string, 0, roomForPairs)
	return &p
}

func (a *adapter) keep(p *[]string) {
	clear((*p)[:cap(*p)])
	a.rooms.Put(p)
}

// fill gives md what pairs hold, whose keys are in lower case. Its slices are parts of what it appends to values.
func fill(md metadata.MD, values, pairs []string) []string {
	values = slices.Grow(values, len(pairs)/2) // so that what follows never moves them
	for i := 0; i < len(pairs); i += 2 {
		key, value := pairs[i], pairs[i+1]
		if many := md[key]; many != nil {
			md[key] = append(many, value)
			continue
		}
		n := len(values)
		values = append(values, value)
		md[key] = values[n : n+1 : n+1]
	}
	return values
}

// withMetadata gives a stream this metadata alone: what the caller's ctx has for calls of its own does not cross.
func withMetadata(ctx context.Context, kv ...string) context.Context {
	if _, ok := metadata.FromOutgoingContext(ctx); ok {
		ctx = metadata.NewOutgoingContext(ctx, nil)
	}
	return metadata.AppendToOutgoingContext(ctx, kv...)
}

// names are the last uses of a translation between methods and destinations, each at the place
// that its hash gives it. A miss costs what no cache would cost.
type names struct {
	seed  maphash.Seed
	slots [256]atomic.Pointer[[2]string] // what was asked, and the answer
}

func newNames() *names { return &names{seed: maphash.MakeSeed()} }

func (n *names) slot(name string) *atomic.Pointer[[2]string] {
	return &n.slots[maphash.String(n.seed, name)%uint64(len(n.slots))]
}

func (n *names) get(name string) (string, bool) {
	if p := n.slot(name).Load(); p != nil && p[0] == name {
		return p[1], true
	}
	return "", false
}

func (n *names) put(name, answer string) { n.slot(name).Store(&[2]string{name, answer}) }
