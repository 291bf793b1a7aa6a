package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// go-micro's memory transport leaves the goroutine of a socket that is closed waiting
// on its pipe, its memory registry cannot be closed, and its packages start goroutines of their own.
// fasthttp's servers and clients sleep for seconds before they see that they are closed.
// vmihailenco's preallocation keeps one for each type.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(),
		goleak.IgnoreAnyFunction("go-micro.dev/v5/transport.(*memorySocket).Recv"),
		goleak.IgnoreAnyFunction("go-micro.dev/v5/registry.(*memRegistry).ttlPrune"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*TCPDialer).tcpAddrsClean"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*HostClient).connsCleaner"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/vmihailenco/msgpack/v5.cachedValue.func1"))
}

func TestACommandLineThatCannotBeMeantIsRefused(t *testing.T) {
	for args, want := range map[string]string{
		"-rounds 0":          "both must be positive",
		"-time -1s":          "both must be positive",
		"-format yaml":       `unknown -format "yaml" (known: csv, go, json, md)`,
		"-run (":             "-run: ",
		"Request":            `unexpected argument "Request"`,
		"-run ^NoSuchLine$":  "no such line",
		"-time 200":          "invalid value",
		"-confidence 0.5":    "not defined",
		"-run a -rounds one": "invalid value",
	} {
		err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("peers %s: got error %v, want one that says %q", args, err, want)
		}
	}
}

func TestTheDefaultsAreThoseOfTheDocument(t *testing.T) {
	o, err := parse(nil, io.Discard)
	if err != nil || o.Rounds != 12 || o.Time != 200*time.Millisecond {
		t.Errorf("got %d rounds of %v, %v, want 12 of 200ms", o.Rounds, o.Time, err)
	}
}

func TestOneRunPrintsTheLinesThatMatch(t *testing.T) {
	var out, progress strings.Builder
	err := run(t.Context(), strings.Fields("-rounds 2 -time 1ms -run ^Lookup.*names=64$"), &out, &progress)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 rounds of 1ms", "`Lookup/subscriptions=10000/names=64`", "\n| polywire | ", "\n| nats-sublist | ", "too few rounds"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
	if got, want := progress.String(), "Lookup/subscriptions=10000/names=64\n"; got != want {
		t.Errorf("progress: got %q, want %q", got, want)
	}
}
