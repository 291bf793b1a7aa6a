// Command metrics serves one destination over HTTP, and what OpenTelemetry has
// measured of it for Prometheus to scrape:
//
//	go run ./examples/metrics
//	curl -d '{}' http://127.0.0.1:8080/request/hello
//	curl http://127.0.0.1:9090/metrics
package main

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/polywire/polywire/adapters/all"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/middleware/oteltrace"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s, err := start(ctx, "http://?listen=127.0.0.1:8080", "127.0.0.1:9090")
	if err != nil {
		log.Fatal(err) //nolint:gocritic // nothing is open yet
	}
	log.Printf("hello at http://%s/request/hello, metrics at http://%s/metrics", s.conn.Addr(), s.metrics)
	<-ctx.Done()
	if err := s.close(); err != nil {
		log.Print(err)
	}
}

// A service is one Conn, measured, and a page with the figures.
type service struct {
	conn    *transport.Conn
	metrics string // address of the page
	page    *http.Server
	served  chan error // written by the page's goroutine as it ends, read by close
	meters  *sdkmetric.MeterProvider
}

// start opens url and serves hello there, and the metrics at an address of their own,
// which the world outside does not reach.
func start(ctx context.Context, url, metrics string) (*service, error) {
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry))
	if err != nil {
		return nil, err
	}
	s := &service{meters: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), served: make(chan error, 1)}
	measured, err := oteltrace.New(oteltrace.WithMeterProvider(s.meters), oteltrace.WithTracerProvider(nil))
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", metrics)
	if err != nil {
		return nil, err
	}
	if s.conn, err = all.Registry().Open(ctx, url, measured.Options()...); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	s.metrics, s.page = l.Addr().String(), &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { s.served <- s.page.Serve(l) }()
	if _, err = s.conn.Handle(ctx, "hello", hello); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func hello(_ context.Context, m *transport.Message) (*transport.Message, error) {
	return &transport.Message{ContentType: m.ContentType, Body: m.Body}, nil
}

func (s *service) close() error {
	ctx := context.Background()
	err := errors.Join(s.conn.Drain(ctx), s.conn.Close(), s.page.Close(), s.meters.Shutdown(ctx))
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
