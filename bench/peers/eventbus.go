package main

import (
	"context"

	EventBus "github.com/asaskevich/EventBus"
)

const (
	eventbusKind      = "publisher's goroutine, by reflection; one lock held while handlers run; body shared; no ctx; no wildcards"
	eventbusAsyncKind = "a goroutine a delivery, by reflection; order not kept; unbounded; body shared; no ctx; no wildcards"
)

// An eventbus is an EventBus whose handlers take a body and headers.
type eventbus struct {
	bus    EventBus.Bus
	header map[string]string
}

func eventbusPublishes(async bool) subscriber {
	return func(_ context.Context, topics []string, deliver func(int, []byte)) (publisher, error) {
		e := &eventbus{bus: EventBus.New(), header: headers()}
		for i, topic := range topics {
			handle := func(body []byte, _ map[string]string) { deliver(i, body) }
			var err error
			if async {
				err = e.bus.SubscribeAsync(topic, handle, false)
			} else {
				err = e.bus.Subscribe(topic, handle)
			}
			if err != nil {
				return nil, err
			}
		}
		return e, nil
	}
}

func (e *eventbus) publication(_ context.Context, topic string, body []byte) (func() error, error) {
	return func() error {
		e.bus.Publish(topic, body, e.header)
		return nil
	}, nil
}

func (e *eventbus) close() error {
	e.bus.WaitAsync()
	return nil
}

// headers are the two fields in the form that several libraries share.
func headers() map[string]string { return map[string]string{tenantKey: tenant, regionKey: region} }
