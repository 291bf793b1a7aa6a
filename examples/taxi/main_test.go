package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	codecs "github.com/polywire/polywire/codecs/all"
	"github.com/polywire/polywire/internal/brokertest"
)

func TestMain(m *testing.M) {
	if os.Getenv("TAXI_TEST_PROCESS") == "1" { // this binary is one of the processes of a test
		main()
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kgo.(*brokerCxn).handleResps"))
}

// A wire is a way to run the taxi: a profile, and what the file needs from the environment.
type wire struct {
	profile string
	env     []string
	keeps   bool // accepted orders while their service is down
}

// broker makes the wire of a broker that the environment names; it skips without one.
func broker(t *testing.T, profile string, kind brokertest.Kind, own string) wire {
	t.Helper()
	return wire{profile, []string{own + "=" + kind.URL(t), "TAXI_PREFIX=" + brokertest.Unique() + "-"}, true}
}

// wires are all that this machine can run.
func wires(t *testing.T, test func(t *testing.T, w wire)) {
	t.Run("inproc", func(t *testing.T) { test(t, wire{}) })
	t.Run("http", func(t *testing.T) { test(t, wire{"http", ports(t), false}) })
	t.Run("rest", func(t *testing.T) { test(t, wire{"rest", ports(t), false}) })
	t.Run("grpc", func(t *testing.T) { test(t, wire{"grpc", ports(t), false}) })
	t.Run("amqp", func(t *testing.T) { test(t, broker(t, "amqp", brokertest.RabbitMQ(), "TAXI_AMQP_URL")) })
	t.Run("kafka", func(t *testing.T) { test(t, broker(t, "kafka", brokertest.Kafka(), "TAXI_KAFKA_URL")) })
}

// ports gives the services addresses that are free.
func ports(t *testing.T) []string {
	t.Helper()
	var env []string
	for _, name := range []string{"TAXI_ACCOUNTS", "TAXI_TRIPS", "TAXI_DISPATCH"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		env = append(env, name+"="+port)
	}
	return env
}

// take runs the taxi in this process.
func take(t *testing.T, w wire, args ...string) (*outcome, string) {
	t.Helper()
	for _, e := range w.env {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	args = append([]string{"-o", "json", "-profile", w.profile, "-trip", "7", "-patience", "60s"}, args...)
	if code := run(ctx, args, &stdout, &stderr); code != 0 {
		t.Fatalf("taxi %s ended with %d\n%s%s", strings.Join(args, " "), code, stdout.String(), stderr.String())
	}
	return decode(t, stdout.Bytes()), stderr.String()
}

func decode(t *testing.T, b []byte) *outcome {
	t.Helper()
	var out outcome
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatalf("%v in %q", err, b)
	}
	return &out
}

// ridden is how a ride ends, whatever carried it.
const ridden = `{"ordered":1,"refused":0,"accepted":1,"completed":1,"declined":0,"lost":0,"doubled":0,` +
	`"trips":[{"trip":"7","name":"Ada Lovelace","driver":"Alan","cents":1200,"receipt":"R-`

func text(t *testing.T, out *outcome) string {
	t.Helper()
	b, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestARideEndsTheSameOverEveryTransport(t *testing.T) {
	for _, split := range []string{"-split=false", "-split"} {
		t.Run(split, func(t *testing.T) {
			wires(t, func(t *testing.T, w wire) {
				out, timeline := take(t, w, split)
				out.Doubled = 0 // a broker may tell it twice
				if got := text(t, out); !strings.HasPrefix(got, ridden) {
					t.Errorf("got\n%s\nwant it to begin with\n%s", got, ridden)
				}
				for _, style := range []string{"notification", "request/response", "async request", "async response", "publish/subscribe", "scatter/gather"} {
					if !strings.Contains(timeline, "  "+style+"  ") {
						t.Errorf("the timeline has no %s:\n%s", style, timeline)
					}
				}
				if split == "-split=false" && !strings.Contains(timeline, "thank you for riding") {
					t.Errorf("the process ended before the rider was told:\n%s", timeline)
				}
			})
		})
	}
}

func TestARideEndsTheSameInEveryFormat(t *testing.T) {
	for _, c := range codecs.Codecs() {
		t.Run(c.Name(), func(t *testing.T) {
			for _, w := range []wire{{}, {"http", ports(t), false}, {"rest", ports(t), false}, {"grpc", ports(t), false}} {
				out, _ := take(t, w, "-split", "-codec", c.Name())
				if got := text(t, out); !strings.HasPrefix(got, ridden) {
					t.Errorf("got\n%s\nwant it to begin with\n%s", got, ridden)
				}
			}
		})
	}
}

func TestARiderWhoMayNotRideIsDeclined(t *testing.T) {
	out, _ := take(t, wire{}, "-rider", "charles")
	if out.Declined != 1 || out.Completed != 0 || out.Lost != 0 {
		t.Errorf("got %+v, want one trip declined", out)
	}
}

func TestAnOrderWhileTheServiceIsDownIsKeptByABrokerAndRefusedElsewhere(t *testing.T) {
	reasons := map[string]string{
		"":     "inproc: send trip.pickup: unavailable: no handler for this destination",
		"http": "http: send trip.pickup: unavailable: 127.0.0.1:",
		"rest": "http: send trip.pickup: unavailable: 127.0.0.1:",
		"grpc": "grpc: send trip.pickup: unavailable: 127.0.0.1:",
	}
	wires(t, func(t *testing.T, w wire) {
		out, timeline := take(t, w, "-scene", "outage")
		switch {
		case out.Completed != 1 || out.Lost != 0:
			t.Errorf("got %+v, want the ride to take place\n%s", out, timeline)
		case w.keeps && (out.Refused != 0 || out.Error != ""):
			t.Errorf("a broker refused the order: %s", out.Error)
		case !w.keeps && (out.Refused != 1 || !strings.HasPrefix(out.Error, reasons[w.profile])):
			t.Errorf("%d refused with %q, want 1 with %q", out.Refused, out.Error, reasons[w.profile])
		}
	})
}

func TestMistakesInFlagsSayWhatIsKnown(t *testing.T) {
	for args, want := range map[string]string{
		"-scene flood":      `taxi: unknown scene "flood" (known: ride, outage)`,
		"-o yaml":           `taxi: unknown output "yaml" (known: text, json)`,
		"-rides 0":          `taxi: -rides 0: at least 1`,
		"home":              `taxi: unexpected "home": everything is said by flags`,
		"-service acounts":  `taxi: unknown service "acounts" (known: accounts, trips, dispatch, drivers, notifications, rider)`,
		"-config none.yaml": `none.yaml: there is no such file: write one, for a start with polywire config init`,
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), strings.Fields(args), &stdout, &stderr)
		if got := strings.TrimSpace(stderr.String()); code != 1 || got != want {
			t.Errorf("taxi %s: exit %d with\n%s\nwant 1 with\n%s", args, code, got, want)
		}
	}
}
