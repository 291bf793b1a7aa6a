package shard

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestMessagesOfOneKeyComeOneAtATimeAndInOrder(t *testing.T) {
	var q Queue[string]
	for _, v := range []string{"a1", "a2", "b1", "a3"} {
		q.Push(v[:1], v)
	}
	first, _ := q.Pop()
	second, _ := q.Pop()
	if _, ok := q.Pop(); ok || first != "a1" || second != "b1" {
		t.Fatalf("got %s, %s and more: want a1, b1 and then nothing while key a is in progress", first, second)
	}
	q.Again("a1")
	if v, _ := q.Pop(); v != "a1" {
		t.Fatalf("after Again: got %s, want a1 before a2", v)
	}
	q.Done("a")
	if v, _ := q.Pop(); v != "a2" {
		t.Fatalf("after Done: got %s, want a2", v)
	}
	if got := q.TakeAll(); !slices.Equal(got, []string{"a3"}) || q.Len() != 0 {
		t.Fatalf("TakeAll: got %v and %d left, want [a3] and 0", got, q.Len())
	}
}

// TestQueueAgainstModel compares a Queue with lists by key under random traffic.
func TestQueueAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q Queue[string]
		pushed := map[string][]string{} // by key, in order, not popped yet
		progress := map[string]string{} // key → what is in progress
		unkeyed, inQueue := []string{}, 0
		steps := rapid.IntRange(1, 200).Draw(t, "steps")
		for i := range steps {
			switch rapid.IntRange(0, 2).Draw(t, "op") {
			case 0:
				key := rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "key")
				v := fmt.Sprintf("%s%d", key, i)
				q.Push(key, v)
				inQueue++
				if key == "" {
					unkeyed = append(unkeyed, v)
				} else {
					pushed[key] = append(pushed[key], v)
				}
			case 1:
				v, ok := q.Pop()
				if !ok {
					continue
				}
				inQueue--
				if v[0] >= '0' && v[0] <= '9' {
					if unkeyed[0] != v {
						t.Fatalf("unkeyed: got %s, want %s", v, unkeyed[0])
					}
					unkeyed = unkeyed[1:]
					continue
				}
				key := v[:1]
				if progress[key] != "" || pushed[key][0] != v {
					t.Fatalf("key %s: got %s while %q in progress, want %v in order", key, v, progress[key], pushed[key])
				}
				pushed[key], progress[key] = pushed[key][1:], v
			case 2:
				key := rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "done")
				if progress[key] == "" {
					continue
				}
				delete(progress, key)
				q.Done(key)
			}
			if q.Len() != inQueue {
				t.Fatalf("Len: got %d, want %d", q.Len(), inQueue)
			}
		}
	})
}
