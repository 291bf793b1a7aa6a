package router

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polywire/polywire/transport"
)

func TestAMemberNeverHasMoreUnsettledThanItsCredit(t *testing.T) {
	r := start(t, Options{})
	k := &keeper{}
	bind(t, r, queueOf("a", 3), k)
	for i := range 10 {
		send(t, r, mail("a", strconv.Itoa(i)))
	}
	for done := 0; done < 10; done++ {
		got := k.all()
		if want := min(done+3, 10); len(got) != want {
			t.Fatalf("after %d settlements %d were delivered, want %d", done, len(got), want)
		}
		accept(got[done])
		if err := got[done].Accept(t.Context()); !errors.Is(err, transport.ErrStale) {
			t.Fatalf("second accept: %v, want ErrStale", err)
		}
	}
	if got := k.bodies(); !slices.IsSorted(got) {
		t.Errorf("order of delivery %v, want order of sending", got)
	}
}

func send(t testing.TB, r *Router, e *transport.Envelope) {
	t.Helper()
	if err := r.Send(context.Background(), e); err != nil {
		t.Fatalf("send %s: %v", e.Body, err)
	}
}

func TestCompetingBindingsShareEvenly(t *testing.T) {
	r := start(t, Options{})
	var members [3]keeper
	for i := range members {
		members[i].on = accept
		bind(t, r, queueOf("a", 1), &members[i])
	}
	for range 300 {
		send(t, r, mail("a", ""))
	}
	for i := range members {
		if got := members[i].len(); got != 100 {
			t.Errorf("member %d got %d of 300, want 100", i, got)
		}
	}
}

func TestTheLeastLoadedMemberGetsTheNextMessage(t *testing.T) {
	r := start(t, Options{})
	stuck, free := &keeper{}, &keeper{on: accept}
	bind(t, r, queueOf("a", 64), stuck)
	bind(t, r, queueOf("a", 64), free)
	for range 100 {
		send(t, r, mail("a", ""))
	}
	if stuck.len() != 1 || free.len() != 99 {
		t.Errorf("the stuck member got %d, the free one %d; want 1 and 99", stuck.len(), free.len())
	}
}

// fill binds a member without credit left to a queue of 2 that is full.
func fill(t *testing.T, r *Router) *keeper {
	k := &keeper{}
	bind(t, r, queueOf("a", 1), k)
	for i := range 3 {
		send(t, r, mail("a", strconv.Itoa(i)))
	}
	return k
}

func TestSendBlocksOnAFullQueueUntilThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Options{Messages: 2})
		k := fill(t, r)
		sent := make(chan error)
		for i := range 2 {
			go func() { sent <- r.Send(t.Context(), mail("a", strconv.Itoa(3+i))) }()
			synctest.Wait() // so that they block in order
		}
		select {
		case err := <-sent:
			t.Fatalf("send to a full queue returned %v, want it to block", err)
		default:
		}
		for i := range 5 {
			accept(k.all()[i])
		}
		for range 2 {
			if err := <-sent; err != nil {
				t.Errorf("send, once there was room: %v", err)
			}
		}
		if got, want := fmt.Sprint(k.bodies()), "[0 1 2 3 4]"; got != want {
			t.Errorf("delivered %v, want %v: blocked senders keep their order", got, want)
		}
	})
}

func TestASendWhoseTimeEndsOnAFullQueueIsNotDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Options{Messages: 2})
		k := fill(t, r)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Send(ctx, mail("a", "late")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("send: %v, want DeadlineExceeded", err)
		}
		for i := range 3 {
			accept(k.all()[i])
		}
		if got := k.len(); got != 3 {
			t.Errorf("%d delivered, want 3: the fourth was given up", got)
		}
	})
}

func TestWhatIsLetInAfterItsSenderGaveUpIsTakenBack(t *testing.T) {
	for range 20 { // room and the end of ctx are both there, of which select takes either
		r := start(t, Options{Messages: 2})
		k := fill(t, r)
		ctx, cancel := context.WithCancel(t.Context())
		d := pack(mail("a", "late"), transport.KindQueue)
		v, _ := r.queues.Load("a")
		q := v.(*queue)
		if got := q.offer(d, true); got != parked {
			t.Fatalf("offered to a full queue: got %v, want %v", got, parked)
		}
		cancel()
		accept(k.all()[0])
		if err := q.await(ctx, d); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want Canceled", err)
		}
		for i := range 2 {
			accept(k.all()[i+1])
		}
		if got, want := fmt.Sprint(k.bodies()), "[0 1 2]"; got != want {
			t.Fatalf("delivered %v, want %v", got, want)
		}
	}
}

func TestARequestToAFullQueueIsRefusedAtOnce(t *testing.T) {
	r := start(t, Options{Messages: 2})
	fill(t, r)
	if _, err := r.Request(t.Context(), mail("a", "")); !errors.Is(err, transport.CodeResourceExhausted) {
		t.Errorf("request: %v, want ResourceExhausted", err)
	}
}

func TestBytesBoundAQueueButNeverStopALoneMessage(t *testing.T) {
	r := start(t, Options{Bytes: 2000})
	k := &keeper{}
	bind(t, r, queueOf("a", 1), k)
	send(t, r, mail("a", "in progress"))
	big := mail("a", "")
	big.Body = make([]byte, 5000)
	send(t, r, big)
	if _, err := r.Request(t.Context(), mail("a", "")); !errors.Is(err, transport.CodeResourceExhausted) {
		t.Errorf("beside a message above the bound: %v, want ResourceExhausted", err)
	}
	accept(k.all()[0])
	send(t, r, mail("a", "small"))
}

func TestASlowSubscriberDelaysThePublisherButNoOtherSubscriber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Options{Messages: 1})
		slow, quick := &keeper{}, &keeper{on: accept}
		bind(t, r, topicOf("a", "", 1), slow)
		bind(t, r, topicOf("a", "", 1), quick)
		published := make(chan error)
		go func() {
			for i := range 3 {
				published <- r.Publish(t.Context(), mail("a", strconv.Itoa(i)))
			}
		}()
		<-published
		<-published
		synctest.Wait()
		if got := quick.len(); got != 3 {
			t.Errorf("the quick subscriber has %d messages while the publisher waits for the slow one, want 3", got)
		}
		accept(slow.all()[0])
		if err := <-published; err != nil {
			t.Errorf("publish, once the slow one had room: %v", err)
		}
	})
}

func TestAPublishWhoseTimeEndsIsWithdrawnWhereThereWasNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Options{Messages: 1})
		slow := []*keeper{{}, {}}
		for _, k := range slow {
			bind(t, r, topicOf("a", "", 1), k)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for i := range 2 {
			if err := r.Publish(ctx, mail("a", strconv.Itoa(i))); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Publish(ctx, mail("a", "2")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("publish: %v, want DeadlineExceeded", err)
		}
		for _, k := range slow {
			accept(k.all()[0])
			accept(k.all()[1])
			if got := k.len(); got != 2 {
				t.Errorf("%d delivered, want 2: the third was given up", got)
			}
		}
	})
}

func TestAPublisherThatWaitsForASubscriptionThatLeavesSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Options{Messages: 1})
		b := bind(t, r, topicOf("a", "", 1), &keeper{})
		published := make(chan error, 3)
		go func() {
			for range 3 {
				published <- r.Publish(t.Context(), mail("a", ""))
			}
		}()
		synctest.Wait()
		if err := b.Unbind(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := <-published; err != nil {
				t.Errorf("publish: %v", err)
			}
		}
	})
}

func TestWhatIsReleasedGoesFirstToSomebodyElse(t *testing.T) {
	r := start(t, Options{})
	one, two := &keeper{}, &keeper{}
	bind(t, r, queueOf("a", 2), one)
	for i := range 4 {
		send(t, r, mail("a", strconv.Itoa(i)))
	}
	given := one.all()
	if err := given[0].Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := given[0].Accept(t.Context()); !errors.Is(err, transport.ErrStale) {
		t.Errorf("accept after release: %v, want ErrStale", err)
	}
	if one.len() != 2 {
		t.Errorf("the member that released has %d deliveries, want its first 2", one.len())
	}
	accept(given[1])
	if got, want := fmt.Sprint(one.bodies()), "[0 1 2 3]"; got != want {
		t.Errorf("the member that released got %v, want %v: others, and not again what it gave back", got, want)
	}
	bind(t, r, queueOf("a", 1), two)
	if got := two.bodies(); len(got) != 1 || got[0] != "0" {
		t.Fatalf("the other member got %v, want the released message first", got)
	}
	if got := two.all()[0].Envelope().Attempt; got != 1 {
		t.Errorf("attempt %d after a release, want 1: it counts as none", got)
	}
}

func TestWhatIsReleasedByTheLastMemberWaitsForTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Options{})
		one, two := &keeper{}, &keeper{on: accept}
		b := bind(t, r, queueOf("a", 2), one)
		for i := range 4 {
			send(t, r, mail("a", strconv.Itoa(i)))
		}
		if err := b.Unbind(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := r.Send(t.Context(), mail("a", "new")); !errors.Is(err, transport.ErrNoHandler) {
			t.Errorf("send without a member: %v, want ErrNoHandler", err)
		}
		for _, d := range one.all() {
			if err := d.Release(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		bind(t, r, queueOf("a", 1), two)
		if got, want := fmt.Sprint(two.bodies()), "[0 1 2 3]"; got != want {
			t.Errorf("the next member got %v, want %v", got, want)
		}
		for i, d := range two.all()[2:] { // these waited from the start
			if left := d.Envelope().Timeout; left != 50*time.Second {
				t.Errorf("message %d has %v left of a minute after 10 s in the queue", i+2, left)
			}
		}
	})
}

func TestWhatWaitsTooLongIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Options{})
		k := &keeper{}
		b := bind(t, r, queueOf("a", 1), k)
		send(t, r, mail("a", "0"))
		short := mail("a", "short")
		short.Timeout = time.Second
		send(t, r, short)
		send(t, r, mail("a", "long"))
		time.Sleep(2 * time.Second)
		accept(k.all()[0])
		if got, want := fmt.Sprint(k.bodies()), "[0 long]"; got != want {
			t.Errorf("delivered %v, want %v", got, want)
		}
		send(t, r, mail("a", "orphan"))
		_ = b.Unbind(t.Context())
		accept(k.all()[1])
		time.Sleep(2 * time.Minute)
		_ = bind(t, r, queueOf("b", 1), &keeper{}).Unbind(t.Context())
		if _, ok := r.queues.Load("a"); ok {
			t.Error("a queue without members, whose messages expired, is still there")
		}
	})
}

func TestARequestEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Options{})
		k := &keeper{}
		bind(t, r, queueOf("a", 1), k)
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		for range 2 { // one with the handler, one in the queue
			go func() {
				_, err := r.Request(ctx, mail("a", "gone"))
				failed <- err
			}()
		}
		synctest.Wait()
		d := k.all()[0]
		cancel()
		for range 2 {
			if err := <-failed; !errors.Is(err, context.Canceled) {
				t.Errorf("request: %v, want Canceled", err)
			}
		}
		if err := d.(interface{ Context() context.Context }).Context().Err(); err == nil {
			t.Error("the handler's context goes on")
		}
		if err := d.Reply(t.Context(), mail("", "late")); err != nil {
			t.Errorf("late reply: %v, want it dropped in silence", err)
		}
		accept(d)
		if got := k.len(); got != 1 {
			t.Errorf("%d deliveries, want 1: the other caller gave up before", got)
		}
		if next, err := call(r, k); err != nil || next != "mine" {
			t.Errorf("the next request got %q, %v; want its own reply", next, err)
		}
	})
}

// call makes a request that k's newest delivery answers.
func call(r *Router, k *keeper) (string, error) {
	k.on = func(d transport.Delivery) {
		accept(d)
		go func() { _ = d.Reply(context.Background(), mail("", "mine")) }()
	}
	e, err := r.Request(context.Background(), mail("a", ""))
	if err != nil {
		return "", err
	}
	return string(e.Body), nil
}

func TestARequestFailsWhenItsOnlyHandlerLeavesBeforeItRan(t *testing.T) {
	for _, how := range []string{"waiting", "released", "abandoned"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, Options{})
				k := &keeper{}
				b := bind(t, r, queueOf("a", 1), k)
				if how == "waiting" {
					send(t, r, mail("a", "before"))
				}
				failed := make(chan error)
				go func() {
					_, err := r.Request(context.Background(), mail("a", ""))
					failed <- err
				}()
				synctest.Wait()
				switch how {
				case "abandoned":
					_ = b.(*bound).Abandon(t.Context(), transport.CodeUnavailable.Errorf("gone"))
				default:
					_ = b.Unbind(t.Context())
					_ = k.all()[0].Release(t.Context())
				}
				if err := <-failed; !errors.Is(err, transport.CodeUnavailable) {
					t.Errorf("request: %v, want Unavailable", err)
				}
			})
		})
	}
}

func TestAReplyAddressReachesItsBindingAlone(t *testing.T) {
	r := start(t, Options{})
	replies, handler := &keeper{on: accept}, &keeper{on: accept}
	b := bind(t, r, transport.Binding{Kind: transport.KindReply, Credit: 4}, replies)
	other := bind(t, r, transport.Binding{Kind: transport.KindReply, Credit: 4}, &keeper{})
	if a := b.ReplyAddress(); len(a) < 26 || a == other.ReplyAddress() {
		t.Errorf("reply addresses %q and %q, want different ones of 128 bits", a, other.ReplyAddress())
	}
	bind(t, r, queueOf("a", 4), handler)
	e := mail("a", "question")
	e.ReplyAddress, e.CallID = b.ReplyAddress(), "call-1"
	send(t, r, e)
	answer := mail("a", "answer")
	answer.CallID = "call-1"
	d := handler.all()[0]
	if err := d.Reply(t.Context(), answer); err != nil {
		t.Fatal(err)
	}
	got := replies.all()[0].Envelope()
	if got.CallID != "call-1" || string(got.Body) != "answer" || got.Kind != transport.KindReply {
		t.Errorf("reply %+v", got)
	}
	_ = b.Unbind(t.Context())
	gone := mail("a", "")
	gone.Kind, gone.ReplyAddress = transport.KindReply, b.ReplyAddress()
	if err := r.Send(t.Context(), gone); !errors.Is(err, transport.ErrNoHandler) {
		t.Errorf("send to a reply address that is gone: %v, want ErrNoHandler", err)
	}
}

func TestNothingIsDeliveredAfterUnbindReturned(t *testing.T) {
	r := start(t, Options{})
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = r.Send(context.Background(), mail("a", ""))
					_ = r.Publish(context.Background(), mail("a", ""))
				}
			}
		})
	}
	for i := range 500 {
		var over atomic.Bool
		k := &calling{func(d transport.Delivery) {
			if over.Load() {
				t.Error("delivered after Unbind returned")
			}
			accept(d)
		}}
		b := bind(t, r, []transport.Binding{queueOf("a", 8), topicOf("a", "", 8), topicOf("*", "g", 8)}[i%3], k)
		for range 3 {
			_ = r.Send(context.Background(), mail("a", ""))
		}
		if err := b.Unbind(t.Context()); err != nil {
			t.Fatal(err)
		}
		over.Store(true)
	}
	close(stop)
	wait.Wait()
}

func TestACallerDoesNotDeliverForOthersForEver(t *testing.T) {
	r := start(t, Options{})
	first, goOn := make(chan struct{}), make(chan struct{})
	var n atomic.Int64
	all := make(chan struct{})
	bind(t, r, queueOf("a", 10_000), &calling{func(d transport.Delivery) {
		switch n.Add(1) {
		case 1:
			close(first)
			<-goOn
		case helpAtMost + 10:
			<-all // whoever is here is not the first sender
		}
		accept(d)
	}})
	returned := make(chan struct{})
	go func() {
		send(t, r, mail("a", ""))
		close(returned)
	}()
	<-first
	for range helpAtMost + 100 {
		send(t, r, mail("a", "")) // these find the first sender busy
	}
	close(goOn)
	<-returned
	close(all)
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAnInlineHandlerMayCallItself(t *testing.T) {
	r := start(t, Options{})
	depth := 0
	_, err := r.BindInline(t.Context(), queueOf("a", 64), &calling{func(d transport.Delivery) {
		accept(d)
		if depth++; depth < 10 {
			if _, err := r.Request(context.Background(), mail("a", "")); err != nil {
				t.Errorf("nested request: %v", err)
			}
		}
		_ = d.Reply(context.Background(), mail("", "done"))
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Request(t.Context(), mail("a", "")); err != nil || string(got.Body) != "done" || depth != 10 {
		t.Errorf("request: %v, %v at depth %d; want done at depth 10", got, err, depth)
	}
}

func TestAnInlineMessageWithoutCreditRunsLater(t *testing.T) {
	r := start(t, Options{})
	ran := make(chan string, 2)
	_, err := r.BindInline(t.Context(), queueOf("a", 1), &calling{func(d transport.Delivery) {
		if string(d.Envelope().Body) == "outer" {
			send(t, r, mail("a", "inner"))
		}
		ran <- string(d.Envelope().Body)
		accept(d)
	}})
	if err != nil {
		t.Fatal(err)
	}
	send(t, r, mail("a", "outer"))
	if one, two := <-ran, <-ran; one != "outer" || two != "inner" {
		t.Errorf("ran %s, %s; want outer, then inner", one, two)
	}
}

func TestCloseTellsWhoeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Options{Messages: 1})
		k := &keeper{}
		bind(t, r, queueOf("a", 1), k)
		send(t, r, mail("a", ""))
		failed := make(chan error)
		go func() { _, err := r.Request(context.Background(), mail("a", "")); failed <- err }()
		synctest.Wait()
		go func() { failed <- r.Send(context.Background(), mail("a", "")) }()
		synctest.Wait()
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := <-failed; !errors.Is(err, transport.CodeUnavailable) && !errors.Is(err, transport.ErrClosed) {
				t.Errorf("%v, want Unavailable or ErrClosed", err)
			}
		}
		if err := r.Send(t.Context(), mail("a", "")); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("send after close: %v, want ErrClosed", err)
		}
		if err := r.Publish(t.Context(), mail("a", "")); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("publish after close: %v, want ErrClosed", err)
		}
		if _, err := r.Bind(t.Context(), queueOf("a", 1), k); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("bind after close: %v, want ErrClosed", err)
		}
		if err := k.all()[0].Accept(t.Context()); !errors.Is(err, transport.ErrStale) {
			t.Errorf("accept after close: %v, want ErrStale", err)
		}
		left := 0
		r.queues.Range(func(any, any) bool { left++; return true })
		if left != 0 || len(r.members)+len(r.orphans) != 0 {
			t.Errorf("%d queues, %d members, %d orphans left", left, len(r.members), len(r.orphans))
		}
	})
}

func TestEachDeliveryKeepsWhatItsSenderChangesLater(t *testing.T) {
	r := start(t, Options{})
	var subs [2]keeper
	for i := range subs {
		bind(t, r, topicOf("a", "", 4), &subs[i])
	}
	e := mail("a", "body")
	e.Params = map[string][]string{"p": {"1"}}
	for i := range 17 { // a number at which a slice copied by append has room to grow
		e.Header.Add("k"+strconv.Itoa(i), "v")
	}
	if err := r.Publish(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	e.Body[0], e.Params["p"][0] = 'X', "2"
	e.Header.Set("k0", "changed")
	var wait sync.WaitGroup
	for i := range subs {
		wait.Go(func() {
			got := subs[i].all()[0].Envelope().Message // a copy, as the core makes for the handler
			if string(got.Body) != "body" || got.Params.Get("p") != "1" || got.Header.Get("k0") != "v" {
				t.Errorf("subscriber %d sees a change of the sender: %s %v %v", i, got.Body, got.Params, got.Header.Get("k0"))
			}
			got.Header.Add("mine", strconv.Itoa(i)) // must not meet the other's, which the race detector sees
			got.Params.Set("mine", strconv.Itoa(i))
			_ = append(got.Body, byte('0'+i))
			if v := got.Header.Get("mine"); v != strconv.Itoa(i) {
				t.Errorf("subscriber %d reads back %q", i, v)
			}
		})
	}
	wait.Wait()
}

func TestBindRefusesWhatIsNoPattern(t *testing.T) {
	r := start(t, Options{})
	for _, b := range []transport.Binding{queueOf("a.*", 1), queueOf("", 1), topicOf("a..b", "", 1), topicOf(">.a", "", 1), {Kind: 9, Pattern: "a"}} {
		if _, err := r.Bind(t.Context(), b, &keeper{}); !errors.Is(err, transport.CodeInvalidArgument) {
			t.Errorf("bind %v %q: %v, want InvalidArgument", b.Kind, b.Pattern, err)
		}
	}
}

func TestAbandonedDestinationsDoNotReapEachOtherForEver(t *testing.T) {
	r := start(t, Options{})
	var bounds []transport.Bound
	for _, name := range []string{"a", "b", "c"} {
		bounds = append(bounds, bind(t, r, queueOf(name, 1), &keeper{}))
		send(t, r, mail(name, "unsettled"))
		send(t, r, mail(name, "waits"))
	}
	for _, b := range bounds {
		if err := b.Unbind(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(r.orphans); n != 3 {
		t.Errorf("%d destinations wait for their next handler, want 3", n)
	}
}

func TestSendNowNeverWaits(t *testing.T) {
	r := start(t, Options{Messages: 1})
	bind(t, r, queueOf("a", 1), &keeper{})
	send(t, r, mail("a", "with the handler"))
	send(t, r, mail("a", "waits"))
	if err := r.SendNow(t.Context(), mail("a", "too many")); !errors.Is(err, transport.CodeResourceExhausted) {
		t.Errorf("SendNow to a full queue: %v, want ResourceExhausted", err)
	}
}
