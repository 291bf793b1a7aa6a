package httpwire

import (
	"context"
	"testing"

	"github.com/polywire/polywire/internal/peertest"
	"github.com/polywire/polywire/internal/rest"
	"github.com/polywire/polywire/transport"
)

// goldenShop is the node that testdata/rest and docs/wire/rest.md speak with.
func goldenShop(t *testing.T) *transport.Conn {
	paths := map[string]string{
		"orders.list": "GET /orders?page&state", "orders.create": "POST /orders", "orders.get": "GET /orders/{id}?expand",
		"orders.update": "PUT /orders/{id}", "orders.delete": "DELETE /orders/{id}", "orders.cancel": "POST /orders/{id}:cancel",
	}
	node := openConn(t, "http://?listen=127.0.0.1:0&cors=https://app.example", transport.WithService("", transport.Service{Name: "shop", Paths: paths}))
	order := func(fields ...string) transport.Handler {
		return func(context.Context, *transport.Message) (*transport.Message, error) {
			reply := &transport.Message{ContentType: "application/json", Body: []byte(`{"id":"7","item":"tea"}` + "\n")}
			for i := 0; i < len(fields); i += 2 {
				reply.Header.Set(fields[i], fields[i+1])
			}
			return reply, nil
		}
	}
	handle(t, node, "orders.create", order("location", "/orders/7", "etag", `"v1"`))
	handle(t, node, "orders.get", func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		if msg.Params.Get("id") != "7" {
			return nil, transport.CodeNotFound.Errorf("no order %.40q", msg.Params.Get("id"))
		}
		return order("etag", `"v1"`)(ctx, msg)
	})
	handle(t, node, "orders.update", func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		switch {
		case msg.ContentType != "application/json":
			e := transport.CodeInvalidArgument.Errorf("content type %q is not spoken here", msg.ContentType)
			e.Details = []transport.Detail{{Type: rest.DetailContentType, Data: []byte("application/json")}}
			return nil, e
		case msg.Header.Get("if-match") != `"v1"`:
			return nil, transport.CodeFailedPrecondition.Errorf("the order has changed since")
		}
		return order("etag", `"v2"`)(ctx, msg)
	})
	handle(t, node, "orders.delete", func(context.Context, *transport.Message) (*transport.Message, error) { return nil, nil })
	handle(t, node, "orders.cancel", func(context.Context, *transport.Message) (*transport.Message, error) { return nil, nil })
	return node
}

func TestNodesAnswerRESTAsRecordedAndDocumented(t *testing.T) {
	node := goldenShop(t)
	peertest.Transcripts{
		Glob: "testdata/rest/*.txt", Page: "../../docs/wire/rest.md", Least: 8, Update: *update, Requests: true,
		Exchange: func(request string) string { return exchangeGolden(t, node, request) },
	}.Check(t)
}
