package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	kratoshttp "github.com/go-kratos/kratos/v2/transport/http"
	"github.com/go-kratos/kratos/v2/transport/http/binding"

	"github.com/polywire/polywire/adapters/httpwire"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// One resource, in the words of each: its path has a text, its query a number, and both ends have types for all of it.
const (
	pricePath = "/trips/{trip}/price"
	seatsKey  = "seats"
	jsonType  = "application/json"

	ownRESTKind    = "a Method of package contract with verb and path; as the plain POST; JSON by the plan of the type"
	muxName        = "http-mux"
	muxRESTKind    = "http.ServeMux and encoding/json by hand: path and query read, escaped and checked, body read whole within a limit, status and type looked at"
	kratosRESTKind = "its router, bindings of path, query and body to structs, and JSON codec; timeout of the server"
)

// A ticket asks for the price of a trip. The path has Trip, the query Seats.
type ticket struct {
	Trip  string `json:"-" wire:"-"`
	Seats int64  `json:"-" wire:"-"`
	Text  string `json:"text"`
}

// wanted is the ticket that is asked for, but for its text. The space of its trip must be escaped.
func wanted() ticket { return ticket{Trip: "7 up", Seats: 2} }

// price answers as a quoter does, and only to who says all of wanted.
func price(reply []byte) func(context.Context, *ticket) (*quote, error) {
	made, want := quoter(reply), wanted()
	return func(ctx context.Context, in *ticket) (*quote, error) {
		if in.Trip != want.Trip || in.Seats != want.Seats {
			return nil, fmt.Errorf("asked for %d seats of trip %q", in.Seats, in.Trip)
		}
		return made(ctx, &quote{Text: in.Text})
	}
}

// A pricing asks for prices by one of the three.
type pricing struct {
	ask func(ctx context.Context, in *ticket) (*quote, error)
	end func() error
}

func (p pricing) caller(ctx context.Context, body []byte) (func() ([]byte, error), error) {
	in := wanted()
	in.Text = string(body)
	return func() ([]byte, error) {
		out, err := p.ask(ctx, &in)
		if err != nil {
			return nil, err
		}
		return []byte(out.Text), nil
	}, nil
}

func (p pricing) close() error { return p.end() }

var getPrice = contract.NewMethod[ticket, quote]("trip.price", contract.HTTP("PUT "+pricePath+"?"+seatsKey),
	contract.Param("trip", func(t *ticket) *string { return &t.Trip }), contract.Param(seatsKey, func(t *ticket) *int64 { return &t.Seats }))

func openREST(ctx context.Context, reply []byte) (requester, error) {
	r := transport.NewRegistry(httpwire.Factory())
	row := transport.Service{Name: "trips", Paths: contract.NewService("trips", getPrice).Paths()}
	node, err := r.Open(ctx, "http://?listen=127.0.0.1:0", transport.WithService("", row))
	if err != nil {
		return nil, err
	}
	row.Owns, row.Endpoints = []string{"trip.>"}, []string{node.Addr()}
	conn, err := r.Open(ctx, "http://", transport.WithService("", row))
	if err != nil {
		return nil, errors.Join(err, node.Close())
	}
	end := func() error { return errors.Join(conn.Close(), node.Close()) }
	served, err := contract.Use(node, jsoncodec.New())
	if err == nil {
		_, err = getPrice.Handle(ctx, served, price(reply))
	}
	if err != nil {
		return nil, errors.Join(err, end())
	}
	asked, err := contract.Use(conn, jsoncodec.New())
	if err != nil {
		return nil, errors.Join(err, end())
	}
	caller := getPrice.On(asked).With(func(m *transport.Message) {
		m.Header.Set(tenantKey, tenant)
		m.Header.Set(regionKey, region)
	})
	return pricing{func(ctx context.Context, in *ticket) (*quote, error) { return caller.Request(ctx, in) }, end}, nil
}

func openMuxREST(_ context.Context, reply []byte) (requester, error) {
	handler := price(reply)
	mux := http.NewServeMux()
	mux.HandleFunc("PUT "+pricePath, func(w http.ResponseWriter, r *http.Request) {
		out, err := readTicket(w, r, handler)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", jsonType)
		w.Header().Set("Content-Length", strconv.Itoa(len(out)))
		_, _ = w.Write(out) // a client that is gone is seen by the client
	})
	s, err := serveHTTP(mux, false)
	if err != nil {
		return nil, err
	}
	client := httpClient(false)
	return pricing{func(ctx context.Context, in *ticket) (*quote, error) { return askMux(ctx, client, s.url, in) }, func() error {
		client.CloseIdleConnections()
		return s.close()
	}}, nil
}

func readTicket(w http.ResponseWriter, r *http.Request, handler func(context.Context, *ticket) (*quote, error)) ([]byte, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	in := ticket{Trip: r.PathValue("trip")}
	if in.Seats, err = strconv.ParseInt(query.Get(seatsKey), 10, 64); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReply))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	out, err := handler(r.Context(), &in)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

func askMux(ctx context.Context, client *http.Client, at string, in *ticket) (*quote, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	where := at + "/trips/" + url.PathEscape(in.Trip) + "/price?" + seatsKey + "=" + strconv.FormatInt(in.Seats, 10)
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, where, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", jsonType)
	req.Header.Set("Accept", jsonType)
	req.Header.Set(tenantKey, tenant)
	req.Header.Set(regionKey, region)
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != jsonType {
		return nil, fmt.Errorf("status %s: %.100s", resp.Status, reply)
	}
	out := new(quote)
	return out, json.Unmarshal(reply, out)
}

// A kratosTicket has what a ticket has beside its body.
type kratosTicket struct {
	Trip  string `json:"trip"`
	Seats int64  `json:"seats"`
}

func openKratosREST(ctx context.Context, reply []byte) (requester, error) {
	handler := price(reply)
	k, err := openKratos(ctx, func(r *kratoshttp.Router) {
		r.PUT(pricePath[1:], func(c kratoshttp.Context) error {
			var in quote
			var of kratosTicket
			if err := errors.Join(c.Bind(&in), c.BindQuery(&of), c.BindVars(&of)); err != nil {
				return err
			}
			h := c.Middleware(func(ctx context.Context, _ any) (any, error) {
				return handler(ctx, &ticket{of.Trip, of.Seats, in.Text})
			})
			out, err := h(c, &in)
			if err != nil {
				return err
			}
			return c.Result(http.StatusOK, out)
		})
	})
	if err != nil {
		return nil, err
	}
	return pricing{func(ctx context.Context, in *ticket) (*quote, error) {
		header := http.Header{"Accept": {jsonType}, "Tenant": {tenant}, "Region": {region}}
		where := binding.EncodeURL(pricePath, &kratosTicket{url.PathEscape(in.Trip), in.Seats}, true)
		out := new(quote)
		return out, k.client.Invoke(ctx, http.MethodPut, where, &quote{in.Text}, out, kratoshttp.ContentType(jsonType), kratoshttp.Header(&header))
	}, k.close}, nil
}
