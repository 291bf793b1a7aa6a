package httpwire

import (
	"context"
	"sync"

	"github.com/polywire/polywire/internal/fieldtext"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

// An answers collects what subscriptions reply until the visitor's connection has room.
type answers struct {
	mu   sync.Mutex
	list []*transport.Envelope
	all  bool          // no more can come
	wake chan struct{} // room for one; written by take, read by the visit
}

func (g *answers) take(e *transport.Envelope) {
	g.mu.Lock()
	if e == nil {
		g.all = true
	} else {
		g.list = append(g.list, e)
	}
	g.mu.Unlock()
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

func (g *answers) next() ([]*transport.Envelope, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := g.list
	g.list = nil
	return list, g.all
}

// gather publishes, sends the head of the answer once all subscriptions have the
// message, and then one line for each reply.
func (v *visit) gather(destination string) error {
	e, err := v.message(access.Gather, destination)
	if err != nil {
		return err
	}
	if v.r.Header.Get(timeoutField) == "" && v.r.Header[messageField] == nil {
		e.Timeout = defaultGather
	}
	life, end := v.life(v.claim(access.Gather, destination))
	defer end()
	ctx, cancel := context.WithTimeout(life, e.Timeout)
	defer cancel()
	e.Kind = transport.KindTopic
	e.Accept = "" // Accept itself tells the form of the lines
	e.SetField("polywire-accept", fieldtext.Unescape(v.r.Header.Get("Polywire-Accept")))
	g := &answers{wake: make(chan struct{}, 1)}
	if err := v.n.a.router.Gather(ctx, e, g.take); err != nil {
		return err
	}
	w := v.begin()
	defer w.discard()
	for {
		list, all := g.next()
		for _, reply := range list {
			if w.reply(reply) != nil {
				return nil
			}
		}
		if all {
			return w.lastly("complete")
		}
		if w.flush() != nil {
			return nil
		}
		select {
		case <-g.wake:
		case <-ctx.Done():
			v.dismissed(life, w)
			return w.lastly("deadline")
		case <-v.n.closing:
			return nil
		}
	}
}

// lastly ends a gather. A peer that is gone needs no end.
func (w *eventWriter) lastly(why string) error {
	if w.last(why) == nil {
		_ = w.flush()
	}
	return nil
}
