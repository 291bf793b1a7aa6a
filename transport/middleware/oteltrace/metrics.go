package oteltrace

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// begun counts what is in flight from now on, and its body.
func (i *instruments) begun(ctx context.Context, s *subject, body int) {
	if i == nil {
		return
	}
	flow := i.flows.of(s.bare(s.inbound), (*subject).flow)
	i.active.Add(ctx, 1, flow)
	i.size.Record(ctx, int64(body), flow)
	if s.inbound && !s.isCall() {
		i.got.AddSet(ctx, 1, i.sets.set(*s, (*subject).attributes))
	}
}

// replied counts the body of a reply, which goes the other way.
func (i *instruments) replied(ctx context.Context, s *subject, body int) {
	if i != nil {
		i.size.Record(ctx, int64(body), i.flows.of(s.bare(!s.inbound), (*subject).flow))
	}
}

// ended counts what was in flight, with its outcome.
func (i *instruments) ended(ctx context.Context, s *subject, began time.Time) {
	if i == nil {
		return
	}
	i.active.Add(ctx, -1, i.flows.of(s.bare(s.inbound), (*subject).flow))
	took := time.Since(began).Seconds()
	set := i.sets.set(*s, (*subject).attributes)
	switch {
	case s.isCall() && s.inbound:
		i.server.RecordSet(ctx, took, set)
	case s.isCall():
		i.client.RecordSet(ctx, took, set)
	case s.inbound:
		i.process.RecordSet(ctx, took, set)
	default:
		i.sending.RecordSet(ctx, took, set)
		i.sent.AddSet(ctx, 1, set)
	}
}

// bare is what flow depends on.
func (s *subject) bare(inbound bool) subject {
	return subject{adapter: s.adapter, style: s.style, inbound: inbound}
}

// maxSets bounds the sets that are kept. Names are bounded too, unless a namer is not.
const maxSets = 16 << 10

// sets keep the attributes of subjects, which take longer to make than to record.
type sets struct {
	mu    sync.RWMutex // guards known
	known map[subject]made
}

// made is a set in the two forms in which it is asked for.
type made struct {
	set    attribute.Set
	option metric.MeasurementOption
}

func (s *sets) of(about subject, attributes func(*subject) []attribute.KeyValue) metric.MeasurementOption {
	return s.get(about, attributes).option
}

func (s *sets) set(about subject, attributes func(*subject) []attribute.KeyValue) attribute.Set {
	return s.get(about, attributes).set
}

func (s *sets) get(about subject, attributes func(*subject) []attribute.KeyValue) made {
	s.mu.RLock()
	m, ok := s.known[about]
	s.mu.RUnlock()
	if ok {
		return m
	}
	set := attribute.NewSet(attributes(&about)...)
	m = made{set, metric.WithAttributeSet(set)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = make(map[subject]made)
	}
	if len(s.known) < maxSets {
		s.known[about] = m
	}
	return m
}
