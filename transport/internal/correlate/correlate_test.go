package correlate

import (
	"sync"
	"testing"
)

func TestOneTakerGetsACall(t *testing.T) {
	var table Table[int]
	id := table.Add(7)
	var wg sync.WaitGroup
	got := make(chan int, 8)
	for range 8 {
		wg.Go(func() {
			if v, ok := table.Take(id); ok {
				got <- v
			}
		})
	}
	wg.Wait()
	close(got)
	n := 0
	for v := range got {
		n++
		if v != 7 {
			t.Errorf("got call %d, want 7", v)
		}
	}
	if n != 1 || table.Len() != 0 {
		t.Errorf("%d takers and %d left in the table, want 1 and 0", n, table.Len())
	}
}

func TestTakeAllEmptiesTheTable(t *testing.T) {
	var table Table[string]
	kept := table.Add("a")
	table.Add("b")
	if v, ok := table.Get(kept); !ok || v != "a" || table.Len() != 2 {
		t.Fatalf("Get: got %q, %v and %d in the table, want a, true and 2: Get leaves it there", v, ok, table.Len())
	}
	if all := table.TakeAll(); len(all) != 2 || table.Len() != 0 {
		t.Errorf("TakeAll: got %v and %d left, want two calls and 0", all, table.Len())
	}
}

func TestIDsAreUniqueAcrossPagesAndGoroutines(t *testing.T) {
	var s Source
	var mu sync.Mutex
	seen := make(map[string]bool)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5000 {
				id := s.ID()
				mu.Lock()
				if seen[id] || len(id) != 32 {
					t.Errorf("id %q: seen before, or not 32 digits", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func TestIDsShareAnAllocation(t *testing.T) {
	var s Source
	page := func() {
		for range pageIDs {
			_ = s.ID()
		}
	}
	if n := testing.AllocsPerRun(1000, page); n > 2 {
		t.Errorf("%v allocations for %d ids, want at most 2", n, pageIDs)
	}
}
