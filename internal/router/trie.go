package router

import (
	"strings"
	"sync"
	"sync/atomic"
)

// A table finds the queues of the subscriptions that a destination matches.
//
// Exact patterns are in a map, those with wildcards in a trie of tokens; both
// are read at a destination's first use alone, then its result is cached. A
// change of an exact pattern drops its result, one of a wildcard raises gen, which makes all results stale.
type table struct {
	mu    sync.RWMutex // guards exact and root, and what hangs on them
	exact map[string]*leaf
	root  node

	cache  sync.Map      // destination → *routes; stored with mu held for reading, dropped with it held for writing
	cached atomic.Int64  // about how many
	gen    atomic.Uint64 // changes of wildcards
}

// How many results a table keeps; then it starts anew. A power of no consequence: enough
// for the destinations in use, and about 2 MiB.
const cacheSize = 16384

// routes are the queues that get a copy of what is published to one destination.
type routes struct {
	gen   uint64
	all   []*queue
	split [][]*queue // groups whose members came by several patterns: one queue of each gets it
}

// A leaf holds the subscriptions of one pattern.
type leaf struct {
	lone   []*queue // without a group, one member each
	groups map[string]*queue
}

// A node is a trie of what follows one prefix of tokens.
type node struct {
	here *leaf            // patterns that end here
	tail *leaf            // those that go on with >
	star *node            // those that go on with *
	next map[string]*node // those that go on with a token
}

func (t *table) match(destination string) *routes {
	if v, ok := t.cache.Load(destination); ok {
		if rt := v.(*routes); rt.gen == t.gen.Load() {
			return rt
		}
	}
	return t.resolve(destination)
}

// resolve finds the routes of destination and remembers them.
func (t *table) resolve(destination string) *routes {
	t.mu.RLock()
	defer t.mu.RUnlock()
	rt := &routes{gen: t.gen.Load()}
	var buf [16]*leaf
	found := buf[:0]
	if l := t.exact[destination]; l != nil {
		found = append(found, l)
	}
	for _, l := range t.root.match(destination, found) {
		rt.add(l)
	}
	if t.cached.Load() >= cacheSize {
		t.cache.Clear()
		t.cached.Store(0)
	}
	if _, replaced := t.cache.Swap(destination, rt); !replaced {
		t.cached.Add(1)
	}
	return rt
}

// add merges the subscriptions of one pattern. Members of one group share, whatever their patterns.
func (rt *routes) add(l *leaf) {
	rt.all = append(rt.all, l.lone...)
	for _, q := range l.groups {
		rt.addGroup(q)
	}
}

func (rt *routes) addGroup(q *queue) {
	for i, same := range rt.split {
		if same[0].group == q.group {
			rt.split[i] = append(same, q)
			return
		}
	}
	for i, other := range rt.all {
		if other.group == q.group {
			rt.all = append(rt.all[:i], rt.all[i+1:]...)
			rt.split = append(rt.split, []*queue{other, q})
			return
		}
	}
	rt.all = append(rt.all, q)
}

// match appends the leaves of all patterns that stand for rest.
func (n *node) match(rest string, found []*leaf) []*leaf {
	for {
		if n.tail != nil {
			found = append(found, n.tail)
		}
		token, after, more := strings.Cut(rest, ".")
		next := n.next[token]
		switch {
		case n.star == nil:
		case next == nil:
			next = n.star
		case more:
			found = n.star.match(after, found)
		case n.star.here != nil:
			found = append(found, n.star.here)
		}
		if next == nil {
			return found
		}
		if !more {
			if next.here != nil {
				found = append(found, next.here)
			}
			return found
		}
		n, rest = next, after
	}
}

// slot finds the place of a pattern's leaf, and makes the nodes on the way if wanted; nil if there is none.
func (n *node) slot(pattern string, create bool) **leaf {
	token, rest, more := strings.Cut(pattern, ".")
	if token == ">" {
		return &n.tail
	}
	next := n.star
	if token != "*" {
		next = n.next[token]
	}
	if next == nil {
		if !create {
			return nil
		}
		next = n.grow(token)
	}
	if !more {
		return &next.here
	}
	return next.slot(rest, create)
}

func (n *node) grow(token string) *node {
	next := &node{}
	switch {
	case token == "*":
		n.star = next
	case n.next == nil:
		n.next = map[string]*node{token: next}
	default:
		n.next[token] = next
	}
	return next
}

// prune cuts the nodes of pattern that hold nothing any more, and reports whether n is one.
func (n *node) prune(pattern string) bool {
	token, rest, more := strings.Cut(pattern, ".")
	switch token {
	case ">":
	case "*":
		if n.star != nil && (!more && n.star.empty() || more && n.star.prune(rest)) {
			n.star = nil
		}
	default:
		if next := n.next[token]; next != nil && (!more && next.empty() || more && next.prune(rest)) {
			delete(n.next, token)
		}
	}
	return n.empty()
}

func (n *node) empty() bool {
	return n.here == nil && n.tail == nil && n.star == nil && len(n.next) == 0
}

// leaf finds the subscriptions of pattern, and makes room for them if wanted; nil if there are none. mu is held.
func (t *table) leaf(pattern string, create bool) *leaf {
	if !wild(pattern) {
		l := t.exact[pattern]
		if l == nil && create {
			if t.exact == nil {
				t.exact = make(map[string]*leaf)
			}
			l = &leaf{}
			t.exact[pattern] = l
		}
		return l
	}
	at := t.root.slot(pattern, create)
	if at == nil {
		return nil
	}
	if *at == nil && create {
		*at = &leaf{}
	}
	return *at
}

// changed makes the cached results of pattern stale. mu is held.
func (t *table) changed(pattern string) {
	if wild(pattern) {
		t.gen.Add(1)
		return
	}
	if _, had := t.cache.LoadAndDelete(pattern); had {
		t.cached.Add(-1)
	}
}

// add enters q, unless its group has a queue already; it returns the one that counts.
func (t *table) add(q *queue) *queue {
	l := t.leaf(q.name, true)
	if q.group == "" {
		q.slot = len(l.lone)
		l.lone = append(l.lone, q)
	} else {
		if had := l.groups[q.group]; had != nil {
			return had
		}
		if l.groups == nil {
			l.groups = make(map[string]*queue)
		}
		l.groups[q.group] = q
	}
	t.changed(q.name)
	return q
}

// remove takes q out. mu is held.
func (t *table) remove(q *queue) {
	l := t.leaf(q.name, false)
	if l == nil {
		return
	}
	if q.group != "" {
		delete(l.groups, q.group)
	} else {
		last := l.lone[len(l.lone)-1]
		last.slot = q.slot
		l.lone[q.slot] = last
		l.lone[len(l.lone)-1] = nil
		l.lone = l.lone[:len(l.lone)-1]
	}
	if len(l.lone) == 0 && len(l.groups) == 0 {
		t.cut(q.name)
	}
	t.changed(q.name)
}

// cut removes the empty leaf of pattern.
func (t *table) cut(pattern string) {
	if !wild(pattern) {
		delete(t.exact, pattern)
		return
	}
	if at := t.root.slot(pattern, false); at != nil {
		*at = nil
	}
	t.root.prune(pattern)
}

func wild(pattern string) bool {
	return strings.HasSuffix(pattern, ">") || strings.Contains(pattern, "*")
}
