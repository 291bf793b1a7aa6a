package oteltrace

import "sync"

// maxNames bounds the destinations that count by their own name.
const maxNames = 1000

// names keeps the first maxNames destinations apart, so that metrics stay bounded
// whatever the application puts into a destination.
type names struct {
	mu    sync.RWMutex // guards known
	known map[string]struct{}
}

func newNames() *names { return &names{known: make(map[string]struct{})} }

// bounded returns destination, or otherName once there are too many.
func (n *names) bounded(destination string) string {
	n.mu.RLock()
	_, ok := n.known[destination]
	full := len(n.known) >= maxNames
	n.mu.RUnlock()
	switch {
	case ok:
		return destination
	case full:
		return otherName
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.known) >= maxNames {
		return otherName
	}
	n.known[destination] = struct{}{}
	return destination
}
