package kafkawire

import (
	"context"
	"time"

	"github.com/polywire/polywire/transport"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// commitLoop commits what was accepted, soon, until finish is called.
func (g *group) commitLoop() {
	defer close(g.looped)
	for {
		select {
		case <-g.dirty:
		case <-g.done:
			return
		}
		g.gather()
		if !g.commit(nil) {
			tell(g.dirty) // again, after the next pause
		}
	}
}

// gather lets a commit grow, unless somebody waits for it.
func (g *group) gather() {
	timer := time.NewTimer(commitPause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-g.urgent:
	case <-g.done:
	}
}

// commit tells the group about windows that changed, or about those given
// whatever they hold. It reports whether all that it told was taken.
func (g *group) commit(windows []*window) bool {
	g.committing.Lock()
	defer g.committing.Unlock()
	marks := g.marks(windows)
	if len(marks) == 0 {
		return true
	}
	offsets := make(map[string]map[int32]kgo.EpochOffset)
	for key, m := range marks {
		if offsets[key.topic] == nil {
			offsets[key.topic] = make(map[int32]kgo.EpochOffset)
		}
		offsets[key.topic][key.partition] = kgo.EpochOffset{Epoch: m.epoch, Offset: m.next}
	}
	ctx, cancel := context.WithTimeout(g.b.a.base, commitTime)
	defer cancel()
	ctx = kgo.PreCommitFnContext(ctx, func(req *kmsg.OffsetCommitRequest) error {
		annotate(req, marks)
		return nil
	})
	complete := false
	g.b.client.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
		complete = err == nil && g.taken(resp, marks)
	})
	return complete
}

func (g *group) marks(windows []*window) map[part]mark {
	g.b.mu.Lock()
	defer g.b.mu.Unlock()
	marks := make(map[part]mark)
	for _, w := range windows {
		if w.next >= 0 && (w.version > w.saved || len(w.entries) > 0) {
			marks[part{w.topic, w.partition}] = w.mark()
		}
	}
	if windows != nil {
		return marks
	}
	for key, w := range g.parts {
		if w.owned && w.next >= 0 && w.version > w.saved {
			marks[key] = w.mark()
		}
	}
	return marks
}

// annotate puts each window's text into the request, where the client has its own name.
func annotate(req *kmsg.OffsetCommitRequest, marks map[part]mark) {
	for i := range req.Topics {
		t := &req.Topics[i]
		for j := range t.Partitions {
			if m, ok := marks[part{t.Topic, t.Partitions[j].Partition}]; ok {
				t.Partitions[j].Metadata = &m.text
			}
		}
	}
}

// taken notes what the group has accepted and wakes those who wait for it.
func (g *group) taken(resp *kmsg.OffsetCommitResponse, marks map[part]mark) bool {
	g.b.mu.Lock()
	defer g.b.mu.Unlock()
	defer g.b.signal()
	left := len(marks)
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			m, ok := marks[part{t.Topic, p.Partition}]
			if ok && kerr.ErrorForCode(p.ErrorCode) == nil {
				m.save()
				left--
			}
		}
	}
	return left == 0
}

// committed waits until a commit tells that d is accepted.
func (g *group) committed(ctx context.Context, d *delivery) error {
	for {
		g.b.mu.Lock()
		switch {
		case d.win.covers(d.entry):
			g.b.mu.Unlock()
			return nil
		case g.b.closed || !d.win.owned:
			g.b.mu.Unlock()
			return transport.ErrStale
		}
		wait := g.b.changes()
		g.b.mu.Unlock()
		tell(g.urgent)
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// finish commits for the last time: nothing from the first message on that is
// open or released, but with the text that tells what is done behind it.
func (g *group) finish() {
	close(g.done)
	<-g.looped
	g.b.mu.Lock()
	owned := make([]*window, 0, len(g.parts))
	for _, w := range g.parts {
		if w.owned {
			owned = append(owned, w)
		}
	}
	g.b.mu.Unlock()
	g.commit(owned)
}
