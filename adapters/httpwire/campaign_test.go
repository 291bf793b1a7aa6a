package httpwire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/polywire/polywire/conformance/faultproxy"
	"github.com/polywire/polywire/transport"
)

// campaign skips what takes minutes. docs/wire/http.md tells what it found, and when.
func campaign(t *testing.T) {
	t.Helper()
	if os.Getenv("POLYWIRE_TEST_CAMPAIGN") == "" {
		t.Skip("it takes minutes: set POLYWIRE_TEST_CAMPAIGN=1")
	}
}

// subscribersOf is the environment's word to this test binary to be the subscribers: an address and how many.
const subscribersOf = "POLYWIRE_TEST_SUBSCRIBERS_OF"

// beSubscribers opens streams and says when all are open, and in the end how many events came.
func beSubscribers(where string) error {
	addr, count, _ := strings.Cut(where, " ")
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	var events atomic.Int64
	var all sync.WaitGroup
	for range n {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(c, "GET /subscribe/news.* HTTP/1.1\r\nHost: x\r\nAccept: "+eventStream+"\r\n\r\n"); err != nil {
			return err
		}
		in := bufio.NewReaderSize(c, 512)
		for line := ""; !strings.HasPrefix(line, "retry: "); {
			if line, err = in.ReadString('\n'); err != nil {
				return err
			}
		}
		all.Go(func() {
			for { // ends when the node closes
				line, err := in.ReadSlice('\n')
				if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
					return
				}
				if strings.HasPrefix(string(line), "data: ") {
					events.Add(1)
				}
			}
		})
	}
	fmt.Println("open")
	all.Wait()
	fmt.Println(events.Load())
	return nil
}

// TestCampaignTenThousandSubscribersLeaveTheHeapFlat keeps them for three minutes, with a message a second.
func TestCampaignTenThousandSubscribersLeaveTheHeapFlat(t *testing.T) {
	campaign(t)
	const n, length = 10_000, 3 * time.Minute
	a := limited(t, "&connections=20000", defaultLimits())
	before := inUse()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", subscribersOf, a.Addr(), n))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	if !said.Scan() || said.Text() != "open" {
		t.Fatalf("the subscribers say %q", said.Text())
	}
	idle := inUse()
	t.Logf("%d subscribers are open: %d bytes each, of this process's heap and stacks; they are in another", n, (idle-before)/n)
	message := &transport.Envelope{Kind: transport.KindTopic}
	message.Destination, message.Body, message.Timeout = "news.local", payload(), 10*time.Second
	published, tick := 0, time.NewTicker(time.Second)
	defer tick.Stop()
	var early uint64
	for start := time.Now(); time.Since(start) < length; published++ {
		<-tick.C
		if err := a.Publish(t.Context(), message); err != nil {
			t.Errorf("publish: %v", err)
		}
		if published%30 == 15 {
			now := inUse()
			t.Logf("after %v: %d bytes each", time.Since(start).Round(time.Second), (now-before)/n)
			if early == 0 {
				early = now
			}
			if now > early+early/4 {
				t.Errorf("%d bytes are in use, and %d were at first: want them flat", now, early)
			}
		}
	}
	if err := a.Close(context.Background()); err != nil {
		t.Error(err)
	}
	said.Scan()
	if got, err := strconv.Atoi(said.Text()); err != nil || got < (published-1)*n { // the last may be on its way
		t.Errorf("%q events came, want %d", said.Text(), published*n)
	}
	t.Logf("%d messages came %s times", published, said.Text())
	_ = cmd.Wait()
}

// inUse is the memory of the heap and of stacks, once garbage is gone.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// TestCampaignResetsDoubleNoRequestAndMixNoReplies makes 10^5 requests by a proxy that resets one connection in a hundred
// requests, at any byte of either direction.
func TestCampaignResetsDoubleNoRequestAndMixNoReplies(t *testing.T) {
	campaign(t)
	for _, options := range []string{"", "http=2"} {
		t.Run("http"+options, func(t *testing.T) { resets(t, options, 100_000) })
	}
}

func resets(t *testing.T, options string, n int) {
	node := serve(t, "")
	var runs sync.Map // of each request's body: how often it was handled
	handle(t, node, "echo", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		count, _ := runs.LoadOrStore(string(msg.Body), new(atomic.Int32))
		count.(*atomic.Int32).Add(1)
		return &transport.Message{Body: msg.Body}, nil
	})
	proxy, err := faultproxy.Listen(t.Context(), faultproxy.Options{Upstream: node.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	// By the table of services a call fails at once where a URL's one home would be waited for.
	client := openConn(t, "http://?"+options, transport.WithService("caller", transport.Service{Name: "echo", Owns: []string{"echo"}, Endpoints: []string{proxy.Addr()}}))
	var failed, wrong atomic.Int64
	const callers = 32
	err = share(callers, n, func() error {
		if rand.N(100) == 0 {
			d := faultproxy.Up
			if rand.N(2) == 0 {
				d = faultproxy.Down
			}
			proxy.Trap(d, faultproxy.Fault{At: rand.Int64N(400), Do: faultproxy.Reset})
		}
		body := strconv.FormatUint(rand.Uint64(), 16)
		ctx, cancel := context.WithTimeout(t.Context(), testTime)
		defer cancel()
		reply, err := client.Request(ctx, &transport.Message{Destination: "echo", Body: []byte(body)})
		switch {
		case err == nil && string(reply.Body) != body:
			wrong.Add(1)
		case err != nil:
			failed.Add(1)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	handled, doubled := 0, 0
	runs.Range(func(_, count any) bool {
		handled++
		if count.(*atomic.Int32).Load() > 1 {
			doubled++
		}
		return true
	})
	t.Logf("%d requests: %d failed, %d handled, %d twice, %d replies to the wrong caller", n, failed.Load(), handled, doubled, wrong.Load())
	if doubled > 0 || wrong.Load() > 0 || failed.Load() == 0 || int64(handled) < int64(n/callers*callers)-failed.Load() {
		t.Error("want none twice, no wrong reply, some failures, and each success handled")
	}
}
