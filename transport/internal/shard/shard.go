// Package shard orders work by key: what has the same key is done one after the
// other, in order of arrival, whatever the number of workers; the rest in parallel.
//
// The usual way, a fixed worker for each hash of a key, lets one slow key hold up
// all that share its worker. Here a key in progress collects what arrives behind
// it, so a slow key holds up itself alone, and a key costs nothing once it is idle.
package shard

// A Queue is unsynchronised: its owner's mutex guards every call. The zero value is ready.
type Queue[T any] struct {
	ready fifo[T]
	busy  map[string]*fifo[T] // keys in progress and what waits behind each
	held  int                 // in busy
}

// Push appends v. An empty key is in nobody's way.
func (q *Queue[T]) Push(key string, v T) {
	if key == "" {
		q.ready.push(v)
		return
	}
	if behind, inProgress := q.busy[key]; inProgress {
		behind.push(v)
		q.held++
		return
	}
	if q.busy == nil {
		q.busy = make(map[string]*fifo[T])
	}
	q.busy[key] = new(fifo[T])
	q.ready.push(v)
}

// Again appends v, which Pop gave before and whose key was not done since.
func (q *Queue[T]) Again(v T) { q.ready.push(v) }

// Pop takes the next that may start. Its key is in progress until Done.
func (q *Queue[T]) Pop() (v T, ok bool) { return q.ready.pop() }

// Done frees key: the next that waited behind it becomes ready.
func (q *Queue[T]) Done(key string) {
	behind := q.busy[key]
	if key == "" || behind == nil {
		return
	}
	if next, ok := behind.pop(); ok {
		q.held--
		q.ready.push(next)
		return
	}
	delete(q.busy, key)
}

// Len counts what is pushed and not popped.
func (q *Queue[T]) Len() int { return q.ready.len() + q.held }

// TakeAll empties the queue, those behind a key in progress too, and returns what was in it.
func (q *Queue[T]) TakeAll() []T {
	var all []T
	for v, ok := q.ready.pop(); ok; v, ok = q.ready.pop() {
		all = append(all, v)
	}
	for _, behind := range q.busy {
		for v, ok := behind.pop(); ok; v, ok = behind.pop() {
			all = append(all, v)
		}
	}
	q.held = 0
	return all
}

// fifo is a slice that is read from the front; it moves its rest down once more than half of it is read.
type fifo[T any] struct {
	items []T
	head  int
}

func (f *fifo[T]) len() int { return len(f.items) - f.head }

func (f *fifo[T]) push(v T) {
	if f.head > 0 && f.head*2 >= len(f.items) {
		n := copy(f.items, f.items[f.head:])
		clear(f.items[n:])
		f.items, f.head = f.items[:n], 0
	}
	f.items = append(f.items, v)
}

func (f *fifo[T]) pop() (v T, ok bool) {
	if f.head == len(f.items) {
		return v, false
	}
	var zero T
	v, f.items[f.head] = f.items[f.head], zero
	f.head++
	return v, true
}
