package kafkawire

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/polywire/polywire/transport"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	heartbeat      = 500 * time.Millisecond // how soon a member hears that another one came
	discovery      = 500 * time.Millisecond // how soon a pattern sees a new topic
	commitPause    = 50 * time.Millisecond  // in which commits gather, when nobody waits for one
	commitTime     = 5 * time.Second
	handoverTime   = 2 * time.Second // for handlers to finish with a partition that goes to another member
	assignmentTime = 10 * time.Second
)

// A group is a binding's membership of a consumer group.
//
//	assigned ─▶ owned ─▶ revoked: handlers get a moment, the rest is committed ─▶ lost
//	                  └▶ lost at once, when the group gave us up
//
// Two partitions' worth of facts matter: what the group believes, which the
// commits tell it, and what the handlers did, which the windows know. A window survives
// the loss of its partition, because often it comes back, as when the broker restarts.
type group struct {
	b        *binding
	name     string
	ready    chan struct{} // closed by run once b.client is set; onAssigned, the first callback, reads
	assigned chan struct{} // closed once by onAssigned; joined reads
	failed   chan error    // capacity 1: written by OnGroupManageError, read by joined
	dirty    chan struct{} // capacity 1: written when there is something to commit, read by commitLoop
	urgent   chan struct{} // capacity 1: likewise, when somebody waits for it
	done     chan struct{} // closed once by finish; commitLoop and onRevoked read
	looped   chan struct{} // closed by commitLoop as it ends; finish reads

	empty      bool       // no topic matches the pattern yet: the client joins when one does; Bind's own
	first      sync.Once  // for assigned
	committing sync.Mutex // one commit at a time, or an older one could overtake; taken before binding.mu

	parts map[part]*window // guarded by binding.mu
}

type part struct {
	topic     string
	partition int32
}

func newGroup(b *binding) *group {
	return &group{
		b: b, name: b.a.names.group(&b.bind), parts: make(map[part]*window),
		ready: make(chan struct{}), assigned: make(chan struct{}), failed: make(chan error, 1), dirty: make(chan struct{}, 1), urgent: make(chan struct{}, 1),
		done: make(chan struct{}), looped: make(chan struct{}),
	}
}

// options prepare topics and commits, and configure the client.
func (g *group) options(ctx context.Context) ([]kgo.Opt, error) {
	opts := []kgo.Opt{
		kgo.ConsumerGroup(g.name), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.HeartbeatInterval(min(heartbeat, g.b.a.opts.session/3)), kgo.SessionTimeout(g.b.a.opts.session),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.OnPartitionsAssigned(g.onAssigned), kgo.OnPartitionsRevoked(g.onRevoked), kgo.OnPartitionsLost(g.onLost),
		kgo.OnOffsetsFetched(g.onFetched), kgo.WithHooks(g),
	}
	if wildcard(g.b.bind.Pattern) {
		opts = append(opts, kgo.ConsumeRegex(), kgo.ConsumeTopics(g.b.a.names.regex(g.b.bind.Pattern)), kgo.MetadataMaxAge(discovery))
		return opts, g.begin(ctx, "")
	}
	topic, _ := g.b.a.names.topic(g.b.bind.Kind, g.b.bind.Pattern)
	if err := g.b.a.topics.ensure(ctx, topic); err != nil {
		return nil, err
	}
	opts = append(opts, kgo.ConsumeTopics(topic))
	if g.b.bind.Kind == transport.KindQueue {
		return opts, nil // from the start: what was sent before the first handler came is for it
	}
	return opts, g.begin(ctx, topic)
}

// begin fixes where a group of subscribers starts, when it does not exist yet: at
// the present ends; topics that come later are read from their start. The
// ends are read before the commits, and Kafka takes a commit from outside only while nobody is in
// the group. So of two first members neither can move the start
// behind what was published after the other's Bind returned.
func (g *group) begin(ctx context.Context, topic string) error {
	topics := []string{topic}
	if topic == "" {
		var err error
		if topics, err = g.b.matching(ctx); err != nil {
			return err
		}
		if err := g.b.a.topics.ensure(ctx, g.b.a.names.reply()); err != nil {
			return err
		}
		g.empty = len(topics) == 0
	}
	ends, err := g.b.a.topics.ends(ctx, topics...)
	if err != nil {
		return err
	}
	committed, err := g.b.a.admin.FetchOffsets(ctx, g.name)
	if err == nil {
		err = committed.Error()
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return err
	}
	if len(committed) > 0 {
		return nil
	}
	var start kadm.Offsets
	ends.Each(func(o kadm.ListedOffset) { start.AddOffset(o.Topic, o.Partition, o.Offset, -1) })
	if topic == "" {
		start.AddOffset(g.b.a.names.reply(), 0, 0, -1) // the sign that the group exists, when no topic does yet
	}
	err = g.b.a.admin.CommitAllOffsets(ctx, g.name, start)
	if is(err, kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.RebalanceInProgress) {
		return nil // somebody is in the group, who began it
	}
	return err
}

// joined waits until the group has spoken: it assigned partitions, or none because
// others have them all. While others take long to hand over, the
// binding counts as in effect all the same: what is written now is kept for the group.
func (g *group) joined(ctx context.Context) error {
	if g.empty {
		return nil
	}
	timer := time.NewTimer(assignmentTime)
	defer timer.Stop()
	select {
	case <-g.assigned:
		return nil
	case err := <-g.failed:
		return err
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// OnGroupManageError is the client's hook for an error that threw us out of the group; it joins again by itself.
func (g *group) OnGroupManageError(err error) {
	if !fatal(err) {
		return
	}
	select {
	case g.failed <- err:
	default:
	}
	select {
	case <-g.assigned:
		g.b.lost(err)
	default: // joined returns it
	}
}

func (g *group) onAssigned(_ context.Context, _ *kgo.Client, assigned map[string][]int32) {
	<-g.ready
	g.b.mu.Lock()
	for topic, partitions := range assigned {
		for _, p := range partitions {
			w := g.parts[part{topic, p}]
			if w == nil {
				w = newWindow(topic, p)
				g.parts[part{topic, p}] = w
			}
			w.owned = true
		}
	}
	for key, w := range g.parts { // what others have now needs no memory
		if !w.owned && w.idle() {
			delete(g.parts, key)
		}
	}
	g.b.mu.Unlock()
	g.first.Do(func() { close(g.assigned) })
}

// onFetched reads where the group is, and the text that came with it.
func (g *group) onFetched(_ context.Context, _ *kgo.Client, resp *kmsg.OffsetFetchResponse) error {
	if len(resp.Groups) == 0 {
		return nil
	}
	g.b.mu.Lock()
	defer g.b.mu.Unlock()
	for _, t := range resp.Groups[0].Topics {
		for _, p := range t.Partitions {
			w := g.parts[part{t.Topic, p.Partition}]
			if w == nil || p.ErrorCode != 0 {
				continue
			}
			text := ""
			if p.Metadata != nil {
				text = *p.Metadata
			}
			w.resume(p.Offset, text)
		}
	}
	tell(g.dirty)
	return nil
}

// onRevoked gives partitions up. Their new owner waits for it to return, so
// handlers that are nearly done are waited for, and their messages not handled twice.
func (g *group) onRevoked(_ context.Context, _ *kgo.Client, revoked map[string][]int32) {
	windows := g.windows(revoked)
	if len(windows) == 0 {
		return
	}
	g.handover(windows)
	g.commit(windows)
	g.forget(revoked)
}

func (g *group) handover(windows []*window) {
	timer := time.NewTimer(handoverTime)
	defer timer.Stop()
	for {
		g.b.mu.Lock()
		open := 0
		for _, w := range windows {
			open += w.open()
		}
		if open == 0 || g.b.closed {
			g.b.mu.Unlock()
			return
		}
		wait := g.b.changes()
		g.b.mu.Unlock()
		select {
		case <-wait:
		case <-timer.C:
			return
		case <-g.done:
			return
		}
	}
}

func (g *group) onLost(_ context.Context, _ *kgo.Client, lost map[string][]int32) { g.forget(lost) }

// forget gives up partitions, whose deliveries are then stale.
func (g *group) forget(lost map[string][]int32) {
	windows := g.windows(lost)
	g.b.mu.Lock()
	defer g.b.mu.Unlock()
	for _, w := range windows {
		w.lose()
	}
	g.b.signal()
}

func (g *group) windows(parts map[string][]int32) []*window {
	g.b.mu.Lock()
	defer g.b.mu.Unlock()
	var found []*window
	for topic, partitions := range parts {
		for _, p := range partitions {
			if w := g.parts[part{topic, p}]; w != nil && w.owned {
				found = append(found, w)
			}
		}
	}
	return found
}

// admit takes a record into its window, and reports whether it is to be delivered; binding.mu is held.
func (g *group) admit(d *delivery) bool {
	r := d.record
	w := g.parts[part{r.Topic, r.Partition}]
	if w == nil || !w.owned {
		return false
	}
	before := w.version
	e := w.arrive(r.Offset, r.LeaderEpoch)
	if w.version != before {
		tell(g.dirty)
	}
	d.win, d.entry = w, e
	return e != nil
}

// accept is Accept of a member; binding.mu is held.
func (g *group) accept(d *delivery) error {
	if g.b.closed {
		return transport.ErrStale // the last commit must not tell of it: the caller hears that it was not accepted
	}
	if !d.win.owned {
		d.entry.state = entryAccepted // remembered for the case that the partition comes back
		return transport.ErrStale
	}
	d.win.accept(d.entry)
	tell(g.dirty)
	if d.win.paused && len(d.win.entries) < maxWindow/2 {
		d.win.paused = false
		g.b.client.ResumeFetchPartitions(map[string][]int32{d.win.topic: {d.win.partition}})
	}
	return nil
}

// relieve pauses a partition of which too much waits behind one open message.
func (g *group) relieve(topic string, partition int32) {
	g.b.mu.Lock()
	defer g.b.mu.Unlock()
	if w := g.parts[part{topic, partition}]; w != nil && len(w.entries) >= maxWindow && !w.paused {
		w.paused = true
		g.b.client.PauseFetchPartitions(map[string][]int32{topic: {partition}})
	}
}

// unreadable forgets a window whose log has lost records: the client goes on elsewhere in it.
func (g *group) unreadable(topic string, partition int32, err error) {
	var loss *kgo.ErrDataLoss
	if !errors.As(err, &loss) {
		return
	}
	g.b.mu.Lock()
	defer g.b.mu.Unlock()
	if w := g.parts[part{topic, partition}]; w != nil {
		w.forget()
	}
}

// tell writes to a channel of capacity 1 that holds no more than the fact.
func tell(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
