package httpwire

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http/httputil"
	"testing"
)

type followers []*follower

func followAll(t testing.TB, n int, addr, path string, lines int) (all followers) {
	for range n {
		all = append(all, follow(t, addr, path, lines))
	}
	return all
}

// count publishes n times and returns when all have come everywhere.
func (all followers) count(n int, publish func() error) error {
	failed := make(chan error, len(all))
	for _, f := range all {
		go func() { failed <- f.count(n) }() // ends with its stream
	}
	for range n {
		if err := publish(); err != nil {
			return err
		}
	}
	for range all {
		if err := <-failed; err != nil {
			return err
		}
	}
	return nil
}

// A follower reads events from a plain connection, at as little cost as can be.
type follower struct {
	chunks io.Reader
	lines  int // of each event
	buf    []byte
}

func follow(t testing.TB, addr, path string, lines int) *follower {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\nAccept: "+eventStream+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReaderSize(c, 64<<10)
	for line := "-"; line != "\r\n"; { // the head: the subscription is in effect
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	return &follower{chunks: httputil.NewChunkedReader(in), lines: lines, buf: make([]byte, 64<<10)}
}

// count returns when n events have come, give or take a sign of life.
func (f *follower) count(n int) error {
	for left := n * f.lines; left > 0; {
		got, err := f.chunks.Read(f.buf)
		if err != nil {
			return err
		}
		left -= bytes.Count(f.buf[:got], []byte("\n"))
	}
	return nil
}
