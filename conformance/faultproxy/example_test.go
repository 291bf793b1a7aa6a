package faultproxy_test

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/polywire/polywire/conformance/faultproxy"
)

// greeter says hello to whoever connects.
func greeter() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() { // ends with l
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "hello, world")
			_ = c.Close()
		}
	}()
	return l
}

func heard(p *faultproxy.Proxy) string {
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	text, _ := io.ReadAll(c)
	return string(text)
}

// Every connection is cut after so many bytes of the answer.
func ExampleListen() {
	server := greeter()
	defer server.Close()
	p, err := faultproxy.Listen(context.Background(), faultproxy.Options{
		Upstream: server.Addr().String(),
		Script: faultproxy.Always(faultproxy.Script{
			Down: faultproxy.Flow{Faults: []faultproxy.Fault{{At: 5, Do: faultproxy.Close}}},
		}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	fmt.Println(heard(p))
	// Output: hello
}

// A trap hits once, whichever connection is there.
func ExampleProxy_Trap() {
	server := greeter()
	defer server.Close()
	p, err := faultproxy.Listen(context.Background(), faultproxy.Options{Upstream: server.Addr().String()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	p.Trap(faultproxy.Down, faultproxy.Fault{At: 7, Do: faultproxy.Corrupt, Mask: 'w' ^ 'W'})
	fmt.Println(heard(p))
	fmt.Println(heard(p))
	// Output:
	// hello, World
	// hello, world
}
