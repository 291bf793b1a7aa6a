package transporttest

import (
	"context"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/polywire/polywire/transport"
)

func messageFields(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	in := newInbox(e)
	sent := time.Now().Truncate(time.Microsecond)
	msg := &transport.Message{
		Destination: e.Name("fields"), ID: "id-1", ReplyTo: e.Name("answers"), CorrelationID: "corr-1", ContentType: "application/json; charset=utf-8",
		Accept: "application/json, text/plain;q=0.5", Key: "key äß", Params: url.Values{"id": {"7"}, "tag": {"a", "b=c", "", "ü"}}, Time: sent,
	}
	e.Handle(ctx, server, msg.Destination, in.handle)
	_, err := client.Request(ctx, msg)
	e.Must(err, "request")
	got := in.wait(1)[0]
	for _, f := range []struct {
		name      string
		got, want any
	}{
		{"Destination", got.Destination, msg.Destination}, {"ID", got.ID, msg.ID}, {"ReplyTo", got.ReplyTo, msg.ReplyTo},
		{"CorrelationID", got.CorrelationID, msg.CorrelationID}, {"ContentType", got.ContentType, msg.ContentType},
		{"Accept", got.Accept, msg.Accept}, {"Key", got.Key, msg.Key}, {"Params", got.Params, msg.Params}, {"Attempt", got.Attempt, 1},
	} {
		if !reflect.DeepEqual(f.got, f.want) {
			e.Errorf("%s arrived as %#v, want %#v", f.name, f.got, f.want)
		}
	}
	if d := got.Time.Sub(sent); d > time.Second || d < -time.Second {
		e.Errorf("Time arrived as %v, want %v", got.Time, sent)
	}
	if !strings.Contains(got.Source, "/") || got.Timeout <= 0 {
		e.Errorf("Source is %q and Timeout %v: the Conn must set them", got.Source, got.Timeout)
	}
	msg.Source, msg.Destination = "forged/source", e.Name("fields")
	_, err = client.Request(ctx, msg)
	e.Must(err, "request")
	if again := in.wait(2)[1]; again.Source != got.Source {
		return fmt.Errorf("a caller's Source went out as %q, want the Conn's own, %q", again.Source, got.Source)
	}
	return nil
}
