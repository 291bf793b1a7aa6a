package grpcwire

import (
	"cmp"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/polywire/polywire/internal/peertest"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/endpoints"
)

func TestWhatLeftIsNotInUse(t *testing.T) {
	peertest.WhatLeftIsNotInUse(t, serve(t, ""), serve(t, ""), func(d endpoints.Resolver) *transport.Conn {
		return peertest.ClientBy(t, Factory(WithResolver("test", d)), "grpc://")
	})
}

func TestRequestsAndSubscriptionsFollowTheEndpoints(t *testing.T) {
	reg := transport.NewRegistry(Factory())
	var nodes [2]*transport.Conn
	for i := range nodes {
		c, err := reg.Open(t.Context(), "grpc://?listen=127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		nodes[i] = c
		_, err = c.Handle(t.Context(), "s.who", func(context.Context, *transport.Message) (*transport.Message, error) {
			return &transport.Message{Body: []byte(c.Addr())}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	d := peertest.NewDirectory(nodes[0].Addr())
	client, err := transport.NewRegistry(Factory(WithResolver("test", d))).Open(t.Context(), "grpc://",
		transport.WithService("client", transport.Service{Name: "s", Owns: []string{"s.>"}, Endpoints: []string{"test:///s"}}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	heard := make(chan string, 1000)
	if _, err := client.Subscribe(t.Context(), "s.news", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		heard <- string(msg.Body)
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	d.Set(nodes[1].Addr())
	for limit := time.Now().Add(20 * time.Second); ; {
		reply, err := client.Request(t.Context(), &transport.Message{Destination: "s.who"})
		if err != nil {
			t.Fatal(err)
		}
		if err := nodes[1].Publish(t.Context(), &transport.Message{Destination: "s.news", Body: []byte("new")}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-heard:
			if string(reply.Body) == nodes[1].Addr() {
				return
			}
		default:
		}
		if time.Now().After(limit) {
			t.Fatalf("the last answer is of %s, want %s and its topic", reply.Body, nodes[1].Addr())
		}
	}
}

func TestAnIdempotentRequestIsAskedElsewhereWhenItsConnCloses(t *testing.T) {
	closes, stays := serve(t, ""), serve(t, "")
	peertest.AskedElsewhere(t, closes, stays, peertest.ClientOfAll(t, Factory(), "grpc://", closes.Addr(), stays.Addr()))
}

func TestAnIdempotentRequestIsAskedElsewhereWhenItsNodeCloses(t *testing.T) {
	opened, err := openAdapter(t.Context(), "grpc://?listen=127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closing, other := opened.(*adapter), serve(t, "")
	defer closing.Close(context.Background())
	if err := closing.router.Close(t.Context()); err != nil { // as Close does, while calls still come in
		t.Fatal(err)
	}
	handle(t, other, "s.do", echo)
	client := openConn(t, "grpc://", transport.WithService("client",
		transport.Service{Name: "s", Owns: []string{"s.>"}, Endpoints: []string{closing.Addr(), other.Addr()}}))
	request := func(opts ...transport.CallOption) error {
		_, err := client.Request(t.Context(), &transport.Message{Destination: "s.do"}, opts...)
		return err
	}
	for range 2 { // one goes to each first
		if err := request(transport.WithIdempotent()); err != nil {
			t.Errorf("an idempotent request that met a node as it closed: %v, want the other's answer", err)
		}
	}
	if first, second := request(), request(); (first == nil) == (second == nil) || !errors.Is(cmp.Or(first, second), transport.CodeUnavailable) {
		t.Errorf("requests that may not run twice: %v and %v, want one unavailable", first, second)
	}
}
