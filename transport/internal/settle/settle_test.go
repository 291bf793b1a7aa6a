package settle

import (
	"testing"
	"time"
)

func TestSchedule(t *testing.T) {
	for _, tt := range []struct {
		policy  Policy
		attempt int
		delay   time.Duration
		again   bool
	}{
		{Policy{}, 1, time.Second, true},
		{Policy{}, 2, 2 * time.Second, true},
		{Policy{}, 4, 8 * time.Second, true},
		{Policy{}, 5, 16 * time.Second, false},
		{Policy{Attempts: 100}, 50, time.Minute, true},
		{Policy{Attempts: 1}, 1, time.Second, false},
		{Policy{Attempts: 3, First: time.Millisecond, Max: 3 * time.Millisecond}, 2, 2 * time.Millisecond, true},
		{Policy{Attempts: 9, First: time.Millisecond, Max: 3 * time.Millisecond}, 8, 3 * time.Millisecond, true},
	} {
		if delay, again := tt.policy.Next(tt.attempt); delay != tt.delay || again != tt.again {
			t.Errorf("%+v after attempt %d: got %v, %v; want %v, %v", tt.policy, tt.attempt, delay, again, tt.delay, tt.again)
		}
	}
}
