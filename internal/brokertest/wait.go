package brokertest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"testing"
	"time"
)

// Patience bounds what a test waits for; nothing waits that long when it passes.
const Patience = time.Minute

// Context ends with the test or its patience.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	t.Cleanup(cancel)
	return ctx
}

// Unique is a prefix of names that no other test has.
func Unique() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return "t" + hex.EncodeToString(b[:])
}

// Receive takes one value, and fails the test when none comes.
func Receive[T any](t testing.TB, c <-chan T) (v T) {
	t.Helper()
	limit := time.NewTimer(Patience)
	defer limit.Stop()
	select {
	case v = <-c:
	case <-limit.C:
		t.Fatal("nothing came")
	}
	return v
}

// WaitUntil waits for what nothing tells of, at most three minutes.
func WaitUntil(t testing.TB, ok func() bool) {
	t.Helper()
	limit := time.Now().Add(3 * time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(limit) {
			t.Fatal("it did not come about")
		}
		<-tick.C
	}
}
