package config_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/adapters/kafkawire"
	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/config"
	"github.com/polywire/polywire/transport/contract"
	"github.com/polywire/polywire/transport/middleware/compress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// options know inproc, kafka and json, and no variable but those given as NAME=value.
func options(t testing.TB, env ...string) config.Options {
	t.Helper()
	known, err := codecs.NewRegistry(jsoncodec.New())
	if err != nil {
		t.Fatal(err)
	}
	return config.Options{
		Registry: transport.NewRegistry(inproc.Factory(), kafkawire.Factory(), direct()),
		Codecs:   known,
		Compress: compress.Configure,
		Getenv: func(name string) (string, bool) {
			for _, pair := range env {
				if value, ok := strings.CutPrefix(pair, name+"="); ok {
					return value, true
				}
			}
			return "", false
		},
	}
}

// direct is a wire whose peers talk without a broker, which cannot be opened.
func direct() transport.Factory {
	features := transport.Features{Adapter: "direct", Send: true, Request: true, Acceptance: transport.Queued, DetectsNoHandler: true}
	return transport.Factory{
		Name: "direct", Schemes: []string{"direct"},
		Features: func(*url.URL) (transport.Features, error) { return features, nil },
		Open: func(context.Context, transport.Setup) (transport.Adapter, error) {
			return nil, transport.CodeUnavailable.Errorf("nobody is there")
		},
	}
}

func parse(t testing.TB, text string, o config.Options) *config.Config {
	t.Helper()
	c, err := config.Parse("taxi.yaml", []byte(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func open(t testing.TB, c *config.Config, opts ...transport.Option) *config.Bus {
	t.Helper()
	bus, err := c.Open(t.Context(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
	})
	return bus
}

const two = `version: 1
transports:
  net: {url: "inproc://net", codec: json}
  bus: {url: "inproc://bus"}
defaults: {transport: bus, timeout: 5s}
routes:
  "account.*": {transport: net}
  "account.audit": {transport: bus, codec: json}
  "trip.>": {timeout: 2s}
`

func TestTheNarrowestRouteWins(t *testing.T) {
	c := parse(t, two, options(t))
	for _, x := range []struct {
		destination, pattern, transport, codec string
		timeout                                time.Duration
	}{
		{"account.verify", "account.*", "net", "json", 5 * time.Second},
		{"account.audit", "account.audit", "bus", "json", 5 * time.Second},
		{"account.audit.log", "", "bus", "", 5 * time.Second},
		{"trip.created", "trip.>", "bus", "", 2 * time.Second},
		{"dead.account.verify", "account.*", "net", "json", 5 * time.Second},
		{"no such*", "", "bus", "", 5 * time.Second},
	} {
		r := c.Route(x.destination)
		if r.Pattern != x.pattern || r.Transport != x.transport || r.Codec != x.codec || r.Timeout != x.timeout {
			t.Errorf("%s: got %+v, want %+v", x.destination, r, x)
		}
		if r.Features.Adapter != "inproc" {
			t.Errorf("%s: features of %q", x.destination, r.Features.Adapter)
		}
	}
}

func TestAProfileIsLaidOverKeyByKey(t *testing.T) {
	text := two + `profiles:
  one:
    transports: {net: {url: "inproc://bus"}}
    defaults: {timeout: 1s}
    routes: {"trip.>": null, "bid.*": {transport: net}}
`
	o := options(t)
	o.Profile = "one"
	c := parse(t, text, o)
	if r := c.Route("trip.created"); r.Pattern != "" || r.Timeout != time.Second {
		t.Errorf("trip.created: got %+v, want the profile's defaults", r)
	}
	if r := c.Route("bid.place"); r.Transport != "net" || r.URL != "inproc://bus" || r.Codec != "json" {
		t.Errorf("bid.place: got %+v, want net with the profile's URL and the file's codec", r)
	}
	bus := open(t, c)
	if bus.Conn("net") != bus.Conn("bus") {
		t.Error("transports of one URL have two Conns, want one")
	}
}

func TestTheCodecOfTheOptionsWins(t *testing.T) {
	o := options(t)
	o.Codec = "json"
	if r := parse(t, two, o).Route("x"); r.Codec != "json" {
		t.Errorf("got codec %q, want json", r.Codec)
	}
}

func TestTheStarterFileParses(t *testing.T) {
	if _, err := config.Parse("polywire.yaml", config.Init(), options(t)); err != nil {
		t.Error(err)
	}
}

func TestABusIsABusOfContracts(t *testing.T) {
	var bus contract.Bus = open(t, parse(t, two, options(t)))
	if codec, all := bus.Codecs("account.verify"); codec == nil || codec.Name() != "json" || all == nil {
		t.Errorf("got codec %v of %v, want json", codec, all)
	}
	if codec, _ := bus.Codecs("trip.created"); codec != nil {
		t.Errorf("got codec %v where nothing names one, want nil", codec)
	}
}

func TestAnErrorIsInvalidArgument(t *testing.T) {
	_, err := config.Parse("taxi.yaml", []byte("version: 2\nx: 1\n"), options(t))
	var all *config.Errors
	if !errors.Is(err, transport.CodeInvalidArgument) || !errors.As(err, &all) || len(all.Problems) != 3 {
		t.Errorf("got %v, want three problems of CodeInvalidArgument", err)
	}
}
