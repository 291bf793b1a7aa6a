package router

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/polywire/polywire/transport"
)

// replies collects what a Gather calls back with.
type replies struct {
	mu   sync.Mutex
	got  []string
	ends int
}

func (r *replies) take(e *transport.Envelope) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e == nil {
		r.ends++
		return
	}
	if r.ends > 0 {
		r.got = append(r.got, "after the end")
	}
	r.got = append(r.got, string(e.Body))
}

func (r *replies) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.got)
	return fmt.Sprint(r.got, " ends ", r.ends)
}

func TestAGatherOfNobodyIsCompleteAtOnce(t *testing.T) {
	r := start(t, Options{})
	var got replies
	if err := r.Gather(t.Context(), mail("a", ""), got.take); err != nil {
		t.Fatal(err)
	}
	if s := got.String(); s != "[] ends 1" {
		t.Errorf("replies %s, want none and the end", s)
	}
}

func TestAGatherEndsWhenEverySubscriptionIsDone(t *testing.T) {
	r := start(t, Options{})
	var subs [4]keeper
	for i, b := range []transport.Binding{topicOf("a", "", 4), topicOf("*", "", 4), topicOf("a", "g", 4), topicOf(">", "", 4)} {
		bind(t, r, b, &subs[i])
	}
	member := &keeper{}
	groups := bind(t, r, topicOf("a", "g", 4), member) // shares with subs[2]
	var got replies
	if err := r.Gather(t.Context(), mail("a", ""), got.take); err != nil {
		t.Fatal(err)
	}
	if subs[2].len()+member.len() != 1 {
		t.Fatalf("members of the group got %d and %d, want one message together", subs[2].len(), member.len())
	}
	group := append(subs[2].all(), member.all()...)[0]
	ds := []transport.Delivery{subs[0].all()[0], subs[1].all()[0], group, subs[3].all()[0]}
	for i, d := range ds {
		if e := d.Envelope(); e.ReplyAddress == "" || !e.Gather {
			t.Errorf("delivery %d wants no reply", i)
		}
		accept(d)
		if i == 1 {
			_ = d.Reply(t.Context(), nil) // has nothing to say
			continue
		}
		if s := got.String(); i > 1 && s == "" {
			t.Errorf("ended before all were done")
		}
		_ = d.Reply(t.Context(), mail("", fmt.Sprint(i)))
	}
	if s := got.String(); s != "[0 2 3] ends 1" {
		t.Errorf("replies %s, want 0, 2, 3 and then one end", s)
	}
	_ = groups.Unbind(t.Context())
}

func TestAGatherDoesNotWaitForSubscriptionsThatLeft(t *testing.T) {
	for _, how := range []string{"waiting", "released", "abandoned"} {
		t.Run(how, func(t *testing.T) {
			r := start(t, Options{})
			k := &keeper{}
			b := bind(t, r, topicOf("a", "", 1), k)
			if how == "waiting" {
				if err := r.Publish(t.Context(), mail("a", "before")); err != nil {
					t.Fatal(err)
				}
			}
			var got replies
			if err := r.Gather(t.Context(), mail("a", ""), got.take); err != nil {
				t.Fatal(err)
			}
			if s := got.String(); s != "[] ends 0" {
				t.Fatalf("replies %s before the subscription left", s)
			}
			switch how {
			case "abandoned":
				_ = b.(*bound).Abandon(t.Context(), transport.CodeUnavailable.Errorf("gone"))
			case "released":
				_ = b.Unbind(t.Context())
				_ = k.all()[0].Release(t.Context())
			default:
				_ = b.Unbind(t.Context())
			}
			if s := got.String(); s != "[] ends 1" {
				t.Errorf("replies %s after it left, want the end", s)
			}
		})
	}
}

func TestAGatherIsSilentAfterItsContext(t *testing.T) {
	r := start(t, Options{})
	k := &keeper{}
	bind(t, r, topicOf("a", "", 2), k)
	ctx, cancel := context.WithCancel(t.Context())
	var got replies
	if err := r.Gather(ctx, mail("a", ""), got.take); err != nil {
		t.Fatal(err)
	}
	cancel()
	d := k.all()[0]
	if err := d.(interface{ Context() context.Context }).Context().Err(); err == nil {
		t.Error("the handler's context goes on")
	}
	_ = d.Reply(t.Context(), mail("", "late"))
	if s := got.String(); s != "[] ends 0" {
		t.Errorf("replies %s after ctx ended, want silence", s)
	}
}

func TestAReleasedGatherDeliveryIsAnsweredByAnotherMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Options{})
		one, two := &keeper{}, &keeper{}
		bind(t, r, topicOf("a", "g", 1), one)
		var got replies
		if err := r.Gather(t.Context(), mail("a", ""), got.take); err != nil {
			t.Fatal(err)
		}
		bind(t, r, topicOf("a", "g", 1), two)
		old := one.all()[0]
		_ = old.Release(t.Context())
		if err := old.Reply(t.Context(), mail("", "stale")); err == nil {
			t.Error("a reply after the release was taken")
		}
		_ = two.all()[0].Reply(t.Context(), mail("", "two"))
		if s := got.String(); s != "[two] ends 1" {
			t.Errorf("replies %s, want that of the other member", s)
		}
	})
}
