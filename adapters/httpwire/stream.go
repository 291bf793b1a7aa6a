package httpwire

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

// A stream is a binding of the router whose messages go to a visitor that settles
// each by POST /stream/TOKEN and answers it by POST /stream/TOKEN/N.
type stream struct {
	*attach.Outlet
	token string
	owner *access.Identity // who opened it, and alone settles
	bound transport.Bound  // set before the visitor learns token
}

func (v *visit) subscribe(pattern string) error {
	group := v.r.URL.Query().Get("group")
	if group != "" && (len(group) > 48 || strings.Contains(group, ".") || transport.CheckDestination(group) != nil) {
		return invalid("group %.64q: use 1 to 48 of [A-Za-z0-9_-]", group)
	}
	if err := transport.CheckPattern(pattern); err != nil {
		return err
	}
	if err := v.admit(access.Subscribe, pattern); err != nil {
		return err
	}
	return v.stream(transport.Binding{Kind: transport.KindTopic, Pattern: pattern, Group: group})
}

// handle attaches a handler of another process, where the node's options let it.
func (v *visit) handle(destination string) error {
	if err := transport.CheckDestination(destination); err != nil {
		return err
	}
	if err := v.attaches(destination); err != nil {
		return err
	}
	return v.stream(transport.Binding{Kind: transport.KindQueue, Pattern: destination})
}

// stream serves a binding until the visitor is gone. One that asks for credit settles what it gets.
func (v *visit) stream(b transport.Binding) error {
	settles, err := v.credit(&b)
	switch {
	case err != nil:
		return err
	case !settles && b.Kind == transport.KindQueue:
		return invalid("handling takes ?credit=N: a message that is not settled is lost with the connection")
	case !settles:
		return v.attend(b)
	}
	return v.serve(b, &stream{Outlet: attach.NewOutlet(), token: rand.Text(), owner: v.peer})
}

// serve binds s, and writes its messages.
func (v *visit) serve(b transport.Binding, s *stream) error {
	life, end := v.life(v.claimOf(&b))
	defer end()
	var err error
	if s.bound, err = v.n.a.router.Bind(v.r.Context(), b, s); err != nil {
		return err
	}
	defer func() {
		_ = s.bound.Unbind(context.Background()) // waits for Deliver alone, which does not block
		s.End()
	}()
	if !v.n.register(s) {
		return transport.ErrClosed
	}
	defer v.n.unregister(s)
	v.w.Header()[streamField] = []string{s.token}
	v.w.Header()[nodeField] = []string{"1"}
	w := v.begin()
	defer w.discard()
	_ = w.hello() // programs that show the head with the first bytes show it now; a visitor that is gone is noticed below
	v.run(life, s, w)
	v.dismissed(life, w)
	return nil
}

// credit reads how many messages may be unsettled at once, and whether the visitor settles them.
func (v *visit) credit(b *transport.Binding) (settles bool, err error) {
	q := v.r.URL.Query()
	if !q.Has("credit") {
		b.Credit = defaultCredit
		return false, nil
	}
	n, err := strconv.ParseUint(q.Get("credit"), 10, 31)
	if err != nil || n == 0 {
		return false, invalid("credit=%.32q: use how many messages may be unsettled at once", q.Get("credit"))
	}
	b.Credit = int(min(n, uint64(v.n.a.limits.credit)))
	return true, nil
}

// run writes events until the visitor is gone, is no longer let in, or it is too slow or wants no more.
func (v *visit) run(life context.Context, s *stream, w *eventWriter) {
	tick := time.NewTicker(v.n.a.limits.ping)
	defer tick.Stop()
	for {
		if over, err := s.put(w); over || err != nil {
			return
		}
		select {
		case <-s.Wake():
		case <-tick.C:
			if w.ping() != nil {
				return
			}
		case <-life.Done():
			return
		case <-v.n.closing:
			return
		}
	}
}

// put writes what waits, and reports whether nothing comes after it.
func (s *stream) put(w *eventWriter) (over bool, err error) {
	items, over := s.Take()
	for _, i := range items {
		if i.Delivery == nil {
			err = w.cancel(i.N)
		} else {
			err = w.message(i.N, i.Delivery.Envelope())
		}
		if err != nil {
			return over, err
		}
	}
	return over, w.flush()
}

func (n *node) register(s *stream) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.streams[s.token] = s
	return true
}

func (n *node) unregister(s *stream) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.streams, s.token)
}

// settle takes settlements of a stream, or with a number the answer to a message of it.
func (v *visit) settle(path string) error {
	token, number, answer := strings.Cut(path, "/")
	if err := v.authenticate(); err != nil {
		return err
	}
	s := v.n.stream(token)
	if s == nil || s.owner.Name != v.peer.Name {
		return transport.CodeNotFound.Errorf("no such stream: it ended, and what was not settled went back")
	}
	if answer {
		return v.answer(s, number)
	}
	body, err := v.body(v.n.a.limits.settle)
	if err != nil {
		return err
	}
	var told attach.Settlement
	if err := json.Unmarshal(body, &told); err != nil {
		return invalid("a settlement is JSON as {\"accept\":[1,2],\"release\":[3]}: %w", err)
	}
	if told.Stop {
		if err := s.bound.Unbind(v.r.Context()); err != nil {
			return err
		}
	}
	s.Apply(&told)
	v.write(204, nil)
	return nil
}

func (v *visit) answer(s *stream, number string) error {
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return invalid("%.32q: use the number of a message of the stream", number)
	}
	body, err := v.body(max(v.n.a.setup.MaxBody, maxProblem))
	if err != nil {
		return err
	}
	e, err := decodeReply(v.r.Header, 0, body)
	if err != nil {
		return err
	}
	if len(e.Body) > v.n.a.setup.MaxBody {
		return tooLarge(v.n.a.setup.MaxBody)
	}
	if err := s.Answer(n, e); err != nil {
		return transport.CodeNotFound.Errorf("message %d of the stream is answered, or nobody waits for it", n)
	}
	v.write(204, nil)
	return nil
}
