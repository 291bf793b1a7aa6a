package transporttest

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"

	"github.com/polywire/polywire/transport"
)

func resourceCases() []Case {
	return []Case{
		{ID: "T190", Group: "P", Sections: []string{"7.4"}, Needs: []string{"Request"}, Timing: true,
			Rule: "Calls that succeed, fail, time out or are cancelled leave no goroutine and no entry behind.", Run: callsLeaveNothing},
		{ID: "T191", Group: "P", Sections: []string{"7.4"},
			Rule: "Opening and closing leaves no goroutine, descriptor or memory behind.", Run: openClose(30)},
		{ID: "T191n", Group: "P", Sections: []string{"7.4"}, Tier: Nightly,
			Rule: "Opening and closing a thousand times leaves nothing behind.", Run: openClose(1000)},
		{ID: "T192", Group: "P", Sections: []string{"7.4"}, Needs: []string{"Publish"},
			Rule: "Subscribing and closing again and again does not grow the heap.", Run: subscribeClose(300)},
		{ID: "T192n", Group: "P", Sections: []string{"7.4"}, Needs: []string{"Publish"}, Tier: Nightly,
			Rule: "Subscribing and closing 20,000 times does not grow the heap.", Run: subscribeClose(20000)},
		{ID: "T193", Group: "P", Sections: []string{"7.4", "3.3"}, Needs: []string{"Request"}, Unless: "Inline", Timing: true,
			Rule: "Thousands of requests that timed out leave no entry behind.", Run: timeoutsLeaveNothing(2000, 1)},
		{ID: "T193n", Group: "P", Sections: []string{"7.4", "3.3"}, Needs: []string{"Request"}, Unless: "Inline", Tier: Nightly,
			Rule: "A million requests that timed out leave no entry behind, and no memory.", Run: timeoutsLeaveNothing(1000, 1000)},
	}
}

func callsLeaveNothing(ctx context.Context, e *Env) error {
	server, client := e.Fresh(ctx, ConnOptions{})
	dest, stuck := e.Name("calls"), e.Name("stuck")
	var h errorBox
	e.Handle(ctx, server, dest, h.handle)
	e.Handle(ctx, server, stuck, stall)
	call := func(dest string) {
		short, cancel := context.WithTimeout(ctx, e.Tick)
		defer cancel()
		_, _ = client.Request(short, &transport.Message{Destination: dest})
	}
	call(dest)
	call(stuck)
	quiet := func() bool { return client.Stats().Waiting == 0 && server.Stats().Handling == 0 }
	e.Until("nothing waits and nothing is handled", quiet)
	before := goroutines()
	for i := range 20 {
		h.set(nil)
		if i%2 == 0 {
			h.set(transport.CodeNotFound.Errorf("x"))
		}
		call(dest)
	}
	for range 3 {
		call(stuck)
	}
	f, err := client.RequestAsync(ctx, &transport.Message{Destination: stuck, Timeout: 5 * e.Tick})
	e.Must(err, "request")
	f.Cancel()
	e.Until("nothing waits and nothing is handled", quiet)
	if left := leaked(before, e.h.Ignore, e.Patience/5); len(left) > 4 { // two idle workers of each Conn may stay
		return fmt.Errorf("%d goroutines are left behind, such as %s", len(left), left[0])
	}
	return nil
}

func openClose(rounds int) func(context.Context, *Env) error {
	return func(ctx context.Context, e *Env) error {
		once := func(i int) {
			server, client, err := e.h.New(ctx, ConnOptions{})
			e.Must(err, fmt.Sprintf("open %d", i))
			if e.Features.Request && i%3 == 0 {
				dest := e.Name(fmt.Sprintf("open%d", i%9))
				_, err := e.h.dress(server).Handle(ctx, dest, echo)
				e.Must(err, "handle")
				_, err = e.h.dress(client).Request(ctx, &transport.Message{Destination: dest})
				e.Must(err, "request")
			}
			e.Must(e.h.dress(client).Close(), "close the client")
			e.Must(e.h.dress(server).Close(), "close the server")
		}
		once(0)
		stacks, files, memory := goroutines(), descriptors(), heap()
		n := e.Count(rounds)
		for i := range n {
			once(i)
		}
		if left := leaked(stacks, e.h.Ignore, e.Patience/5); len(left) > 0 {
			return fmt.Errorf("%d goroutines are left after %d rounds: %s", len(left), n, left[0])
		}
		if !poll(e.Patience/5, func() bool { return descriptors() <= files }) {
			return fmt.Errorf("%d descriptors are open after %d rounds, %d before", descriptors(), n, files)
		}
		if grown := heap() - memory; grown > 2<<20 {
			return fmt.Errorf("the heap grew by %d KiB in %d rounds", grown>>10, n)
		}
		return nil
	}
}

// descriptors counts the open files of this process, where the system shows them.
func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil || runtime.GOOS != "linux" {
		return 0
	}
	return len(entries)
}

func subscribeClose(rounds int) func(context.Context, *Env) error {
	return func(ctx context.Context, e *Env) error {
		server, client := e.Pair(ctx)
		topic := e.Name("subscribe")
		once := func() {
			in := newInbox(e)
			sub, err := server.Subscribe(ctx, topic, in.handle)
			e.Must(err, "subscribe")
			e.Must(client.Publish(ctx, &transport.Message{Destination: topic}), "publish")
			in.wait(1)
			e.Must(sub.Close(ctx), "close")
		}
		once()
		before := heap()
		n := e.Count(rounds)
		for range n {
			once()
		}
		if grown := heap() - before; grown > 1<<20 {
			return fmt.Errorf("the heap grew by %d KiB in %d rounds", grown>>10, n)
		}
		return nil
	}
}

// timeoutsLeaveNothing makes so many requests of each of so many callers, to a handler that is blocked.
func timeoutsLeaveNothing(callers, each int) func(context.Context, *Env) error {
	return func(ctx context.Context, e *Env) error {
		server, client := e.Pair(ctx)
		dest := e.Name("timeouts")
		release := make(chan struct{})
		e.Handle(ctx, server, dest, func(context.Context, *transport.Message) (*transport.Message, error) {
			<-release
			return nil, nil
		}, transport.WithConcurrency(1))
		before := heap()
		var calls sync.WaitGroup
		n := e.Count(callers)
		for range n {
			calls.Go(func() {
				for range each {
					short, cancel := context.WithTimeout(ctx, 3*e.Tick)
					_, err := client.Request(short, &transport.Message{Destination: dest})
					cancel()
					if err == nil {
						e.Errorf("a request to a blocked handler got a reply")
					}
				}
			})
		}
		calls.Wait()
		close(release)
		e.Until("no call waits", func() bool { return client.Stats().Waiting == 0 })
		e.Until("nothing is handled any more", func() bool { return server.Stats().Handling == 0 })
		if each == 1 {
			return nil
		}
		grown := heap() - before
		e.measured = fmt.Sprintf("%d requests timed out, the heap is %d KiB larger", n*each, grown>>10)
		if grown > 32<<20 { // connections and workers of all callers may be there yet
			return fmt.Errorf("the heap grew by %d KiB in %d requests that timed out", grown>>10, n*each)
		}
		return nil
	}
}
