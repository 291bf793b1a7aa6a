package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// pageName is the service that shows rides to browsers. It is none of the taxi's own.
const pageName = "page"

//go:embed page.html
var pageHTML []byte

// watch serves the page until ctx ends. Its streams come from the homes of the topics, over HTTP.
func watch(ctx context.Context, o *options, stderr io.Writer) error {
	h, err := pageHandler(map[string]string{"trips": o.trips, "dispatch": o.dispatch})
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", o.page)
	if err != nil {
		return fmt.Errorf("taxi: -page: %w", err)
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	fmt.Fprintf(stderr, "page ready: http://%s/\n", l.Addr())
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// pageHandler serves the page, and under the name of each home what that answers: browsers let a page
// follow streams of its own origin alone.
func pageHandler(homes map[string]string) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(pageHTML) // a browser that is gone needs no page
	})
	for name, at := range homes {
		u, err := url.Parse(at)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("taxi: %s is at %q: use http://host:port", name, at)
		}
		proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }}
		mux.Handle("GET /"+name+"/subscribe/", http.StripPrefix("/"+name, proxy))
	}
	return mux, nil
}
