package kafkawire

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestMessagesOfAKeyKeepTheirOrder(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		const keys, each, workers = 16, 250, 4
		ctx := brokertest.Context(t)
		var mu sync.Mutex
		got := map[string][]int{}
		all := make(chan struct{})
		total := 0
		handler := func(_ context.Context, m *transport.Message) (*transport.Message, error) {
			var n int
			_, _ = fmt.Sscan(string(m.Body), &n)
			mu.Lock()
			defer mu.Unlock()
			got[m.Key] = append(got[m.Key], n)
			if total++; total == keys*each {
				close(all)
			}
			return nil, nil
		}
		for range 2 { // members
			if _, err := openConn(t, url).Handle(ctx, "ordered", handler, transport.WithConcurrency(workers)); err != nil {
				t.Fatal(err)
			}
		}
		sender := openConn(t, url)
		var sending sync.WaitGroup
		for k := range keys {
			sending.Go(func() {
				for i := range each {
					m := &transport.Message{Destination: "ordered", Key: fmt.Sprint("key-", k), Body: fmt.Append(nil, i)}
					if err := sender.Send(ctx, m); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		sending.Wait()
		brokertest.Receive(t, all)
		mu.Lock()
		defer mu.Unlock()
		for key, order := range got {
			if len(order) != each || !slices.IsSorted(order) {
				t.Errorf("%s: %d messages, sorted %v", key, len(order), slices.IsSorted(order))
			}
		}
	})
}

func TestAtMostCreditIsUnsettled(t *testing.T) {
	a := openAdapter(t, fakeURL(fake(t)))
	defer brokertest.CloseAdapter(t, a)
	ctx := brokertest.Context(t)
	for i := range 20 {
		if err := a.Send(ctx, brokertest.QueueEnvelope("credit", fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	s := brokertest.NewSink()
	b := mustBind(t, a, transport.Binding{Kind: transport.KindQueue, Pattern: "credit", Concurrency: 1, Credit: 3}, s)
	for settled := range 20 {
		d := s.Next(t)
		b.mu.Lock()
		unsettled := b.unsettled
		b.mu.Unlock()
		if unsettled > 3 {
			t.Fatalf("%d deliveries are unsettled after %d were settled, with a credit of 3", unsettled, settled)
		}
		if err := d.Accept(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := nothing(s); err != nil {
		t.Error(err)
	}
}

// nothing fails when something was delivered.
func nothing(s *brokertest.Sink) error {
	select {
	case d := <-s.C:
		return fmt.Errorf("delivered %q", d.Envelope().Body)
	default:
		return nil
	}
}

func TestAReleasedMessageComesAgain(t *testing.T) {
	a := openAdapter(t, fakeURL(fake(t)))
	defer brokertest.CloseAdapter(t, a)
	ctx := brokertest.Context(t)
	s := brokertest.NewSink()
	mustBind(t, a, transport.Binding{Kind: transport.KindQueue, Pattern: "again"}, s)
	if err := a.Send(ctx, brokertest.QueueEnvelope("again", "x")); err != nil {
		t.Fatal(err)
	}
	first := s.Next(t)
	if err := first.Release(ctx); err != nil {
		t.Fatal(err)
	}
	second := s.Next(t)
	if string(second.Envelope().Body) != "x" || second.Envelope().Attempt != 1 {
		t.Errorf("came again as %q, attempt %d; a release is no attempt", second.Envelope().Body, second.Envelope().Attempt)
	}
	if err := first.Accept(ctx); !errors.Is(err, transport.ErrStale) {
		t.Errorf("settling twice gives %v", err)
	}
	if err := second.Accept(ctx); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNotAcceptedComesToTheNextMember(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		ctx := brokertest.Context(t)
		first := openAdapter(t, url+"&partitions=1")
		s := brokertest.NewSink()
		mustBind(t, first, transport.Binding{Kind: transport.KindQueue, Pattern: "handover"}, s)
		for i := range 6 {
			if err := first.Send(ctx, brokertest.QueueEnvelope("handover", fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		var ds []transport.Delivery
		for range 6 {
			ds = append(ds, s.Next(t))
		}
		for _, i := range []int{0, 2, 3} {
			if err := ds[i].Accept(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if err := ds[4].Release(ctx); err != nil {
			t.Fatal(err)
		}
		ds[4] = s.Next(t) // the release made it come again
		brokertest.CloseAdapter(t, first)
		if err := ds[1].Accept(ctx); !errors.Is(err, transport.ErrStale) {
			t.Errorf("Accept after Close gives %v", err)
		}
		second := openAdapter(t, url+"&partitions=1")
		defer brokertest.CloseAdapter(t, second)
		again := brokertest.NewSink()
		mustBind(t, second, transport.Binding{Kind: transport.KindQueue, Pattern: "handover"}, again)
		for _, want := range []string{"1", "4", "5"} {
			d := again.Next(t)
			if got := string(d.Envelope().Body); got != want || d.Envelope().Attempt != 2 {
				t.Errorf("the next member got %q, attempt %d; want %q, attempt 2", got, d.Envelope().Attempt, want)
			}
			if err := d.Accept(ctx); err != nil {
				t.Error(err)
			}
		}
	})
}

// A crash is a member that vanishes without a word: its connections are cut and nothing is committed.
func crash(a *adapter) {
	a.cancel()
}

func TestACrashLosesNothingAndRepeatsOnlyTheUnsettled(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		session := "&session=6s"
		if strings.Contains(t.Name(), "kfake") {
			session = "&session=1s"
		}
		ctx := brokertest.Context(t)
		first := openAdapter(t, url+"&partitions=4"+session)
		s := brokertest.NewSink()
		b := mustBind(t, first, transport.Binding{Kind: transport.KindQueue, Pattern: "crash", Concurrency: 1, Credit: 1000}, s)
		const total = 400
		for i := range total {
			if err := first.Send(ctx, brokertest.QueueEnvelope("crash", fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		accepted := map[string]bool{}
		for i := range total {
			d := s.Next(t)
			if i%3 == 0 {
				continue // its handler was still busy
			}
			if err := d.Accept(ctx); err != nil {
				t.Fatal(err)
			}
			accepted[string(d.Envelope().Body)] = true
		}
		brokertest.WaitUntil(t, func() bool { return committedAll(b) })
		crash(first)
		second := openAdapter(t, url+session)
		defer brokertest.CloseAdapter(t, second)
		again := brokertest.NewSink()
		mustBind(t, second, transport.Binding{Kind: transport.KindQueue, Pattern: "crash", Concurrency: 1, Credit: 1000}, again)
		repeated, lost := 0, total-len(accepted)
		for range total - len(accepted) {
			d := again.Next(t)
			if accepted[string(d.Envelope().Body)] {
				repeated++
			} else {
				lost--
			}
			if d.Envelope().Attempt != 2 {
				t.Errorf("attempt %d of %s after the crash, want 2", d.Envelope().Attempt, d.Envelope().Body)
			}
			if err := d.Accept(ctx); err != nil {
				t.Error(err)
			}
		}
		t.Logf("sent %d, accepted before the crash %d, lost %d, accepted ones repeated %d", total, len(accepted), lost, repeated)
		if lost != 0 || repeated != 0 {
			t.Errorf("lost %d, repeated %d", lost, repeated)
		}
		brokertest.CloseAdapter(t, first)
	})
}

func committedAll(b *binding) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.group.parts {
		if w.owned && w.version > w.saved {
			return false
		}
	}
	return true
}

func TestARequestThatMustNotRunTwiceIsCommittedBeforeItRuns(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		ctx := brokertest.Context(t)
		a := openAdapter(t, url+"&partitions=1&session=6s")
		s := brokertest.NewSink()
		b := mustBind(t, a, transport.Binding{Kind: transport.KindQueue, Pattern: "once"}, s)
		blocked := brokertest.QueueEnvelope("once", "blocked")
		request := brokertest.QueueEnvelope("once", "request")
		request.ReplyAddress = "0-" + strings.Repeat("ab", 16)
		for _, e := range []*transport.Envelope{blocked, request} {
			if err := a.Send(ctx, e); err != nil {
				t.Fatal(err)
			}
		}
		s.Next(t) // stays open, in front of the request
		if err := s.Next(t).Accept(ctx); err != nil {
			t.Fatal(err)
		}
		committed, err := a.admin.FetchOffsets(ctx, b.group.name)
		if err != nil {
			t.Fatal(err)
		}
		topic, _ := a.names.topic(transport.KindQueue, "once")
		o, _ := committed.Lookup(topic, 0)
		if o.At != 0 || o.Metadata != "pw1;1;0:1" {
			t.Errorf("when Accept returned the group had committed %d with %q; want 0 with %q", o.At, o.Metadata, "pw1;1;0:1")
		}
		brokertest.CloseAdapter(t, a)
	})
}

func TestUnbindLetsHandlersSettle(t *testing.T) {
	a := openAdapter(t, fakeURL(fake(t))+"?partitions=1")
	defer brokertest.CloseAdapter(t, a)
	ctx := brokertest.Context(t)
	s := brokertest.NewSink()
	b := mustBind(t, a, transport.Binding{Kind: transport.KindQueue, Pattern: "leave"}, s)
	for i := range 3 {
		if err := a.Send(ctx, brokertest.QueueEnvelope("leave", fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	ds := []transport.Delivery{s.Next(t), s.Next(t), s.Next(t)}
	if err := b.Unbind(ctx); err != nil {
		t.Fatal(err)
	}
	if err := a.Send(ctx, brokertest.QueueEnvelope("leave", "3")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(ds[0].Accept(ctx), ds[1].Release(ctx), ds[2].Accept(ctx)); err != nil {
		t.Errorf("settling after Unbind: %v", err)
	}
	brokertest.Receive(t, b.ended)
	if err := nothing(s); err != nil {
		t.Error("after Unbind:", err)
	}
	next := brokertest.NewSink()
	mustBind(t, a, transport.Binding{Kind: transport.KindQueue, Pattern: "leave"}, next)
	for _, want := range []string{"1", "3"} {
		d := next.Next(t)
		if got := string(d.Envelope().Body); got != want || d.Envelope().Attempt != 1 {
			t.Errorf("the next member got %q, attempt %d, want %q, attempt 1", got, d.Envelope().Attempt, want)
		}
	}
}

func TestAnotherMemberTakesItsShareAndOldAcksAreStale(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		ctx := brokertest.Context(t)
		first, second := openAdapter(t, url), openAdapter(t, url)
		defer brokertest.CloseAdapter(t, first)
		defer brokertest.CloseAdapter(t, second)
		s1, s2 := brokertest.NewSink(), brokertest.NewSink()
		b1 := mustBind(t, first, transport.Binding{Kind: transport.KindQueue, Pattern: "share"}, s1)
		for i := range 40 {
			if err := first.Send(ctx, brokertest.QueueEnvelope("share", fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		held := map[string]transport.Delivery{}
		for range 40 {
			d := s1.Next(t)
			held[string(d.Envelope().Body)] = d
		}
		b2 := mustBind(t, second, transport.Binding{Kind: transport.KindQueue, Pattern: "share"}, s2)
		brokertest.WaitUntil(t, func() bool { return ownedBy(b1) == 4 && ownedBy(b2) == 4 })
		stale := 0
		for _, d := range held {
			if errors.Is(d.Accept(ctx), transport.ErrStale) {
				stale++
			}
		}
		if stale == 0 || stale == len(held) {
			t.Errorf("%d of %d acks were stale: the partitions that went away, and no others", stale, len(held))
		}
		for range stale { // what the first held of them comes to the second
			if err := s2.Next(t).Accept(ctx); err != nil {
				t.Error(err)
			}
		}
	})
}

func ownedBy(b *binding) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, w := range b.group.parts {
		if w.owned {
			n++
		}
	}
	return n
}

func TestAPatternReadsNewTopicsFromTheirStart(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		for _, group := range []string{"", "g"} {
			t.Run("group "+group, func(t *testing.T) {
				ctx := brokertest.Context(t)
				a, other := openAdapter(t, url), openAdapter(t, url)
				defer brokertest.CloseAdapter(t, a)
				defer brokertest.CloseAdapter(t, other)
				publish := func(destination, body string) {
					e := brokertest.QueueEnvelope(destination, body)
					e.Kind = transport.KindTopic
					if err := other.Publish(ctx, e); err != nil {
						t.Fatal(err)
					}
				}
				space := "new" + group
				publish(space+".old", "before") // published before anybody subscribed
				s := brokertest.NewSink()
				mustBind(t, a, transport.Binding{Kind: transport.KindTopic, Pattern: space + ".>", Group: group}, s)
				publish(space+".old", "after")
				publish(space+".young.one", "first")
				publish(space+".young.one", "second")
				publish("other"+space, "not meant")
				got := map[string]bool{}
				for range 3 {
					d := s.Next(t)
					got[d.Envelope().Destination+" "+string(d.Envelope().Body)] = true
					if err := d.Accept(ctx); err != nil {
						t.Error(err)
					}
				}
				for _, want := range []string{space + ".old after", space + ".young.one first", space + ".young.one second"} {
					if !got[want] {
						t.Errorf("%q did not come: %v", want, got)
					}
				}
			})
		}
	})
}

func TestAGroupKeepsWhatIsPublishedWhileNobodyIsThere(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		for _, pattern := range []string{"kept", "kept.*"} {
			t.Run(pattern, func(t *testing.T) {
				ctx := brokertest.Context(t)
				a := openAdapter(t, url)
				defer brokertest.CloseAdapter(t, a)
				destination := strings.Replace(pattern, "*", "x", 1)
				bind := transport.Binding{Kind: transport.KindTopic, Pattern: pattern, Group: "durable"}
				publish := func(body string) {
					e := brokertest.QueueEnvelope(destination, body)
					e.Kind = transport.KindTopic
					if err := a.Publish(ctx, e); err != nil {
						t.Fatal(err)
					}
				}
				if pattern == "kept" {
					publish("before the group")
				}
				if err := mustBind(t, a, bind, brokertest.NewSink()).Unbind(ctx); err != nil {
					t.Fatal(err)
				}
				publish("while away")
				s := brokertest.NewSink()
				mustBind(t, a, bind, s)
				d := s.Next(t)
				if got := string(d.Envelope().Body); got != "while away" {
					t.Errorf("got %q", got)
				}
			})
		}
	})
}

func TestAForeignRecordOfAHashedTopicIsRead(t *testing.T) {
	c := fake(t)
	a := openAdapter(t, fakeURL(c))
	defer brokertest.CloseAdapter(t, a)
	ctx := brokertest.Context(t)
	long := strings.Repeat("_", 180)
	s := brokertest.NewSink()
	mustBind(t, a, transport.Binding{Kind: transport.KindQueue, Pattern: long}, s)
	topic, _ := a.names.topic(transport.KindQueue, long)
	raw := rawClient(t, fakeURL(c))
	if err := raw.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if d := s.Next(t); d.Envelope().Destination != long {
		t.Errorf("destination %q", d.Envelope().Destination)
	}
}
