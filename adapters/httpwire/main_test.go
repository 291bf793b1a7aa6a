package httpwire

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/polywire/polywire/internal/peertest"
	"github.com/polywire/polywire/transport"
)

func TestMain(m *testing.M) {
	if where := os.Getenv(subscribersOf); where != "" { // this binary is the other side of a campaign
		if err := beSubscribers(where); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// net/http leaves half a second to a peer whose request it refused to read, also after Close.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// testTime bounds what a test waits for; nothing waits that long when it passes.
const testTime = peertest.Patience

// openConn opens a Conn for the length of the test.
func openConn(t testing.TB, url string, opts ...transport.Option) *transport.Conn {
	t.Helper()
	return peertest.Open(t, Factory(), url, opts...)
}

// serve opens a node that listens and is the home of everything.
func serve(t testing.TB, options string) *transport.Conn {
	t.Helper()
	return openConn(t, "http://?listen=127.0.0.1:0"+options)
}

// clientOf opens a Conn whose home is node.
func clientOf(t testing.TB, node *transport.Conn) *transport.Conn {
	t.Helper()
	return openConn(t, "http://"+node.Addr())
}

func handle(t testing.TB, c *transport.Conn, name string, h transport.Handler, opts ...transport.BindOption) {
	t.Helper()
	peertest.Handle(t, c, name, h, opts...)
}

func subscribe(t testing.TB, c *transport.Conn, pattern string, h transport.Handler, opts ...transport.BindOption) *transport.Subscription {
	t.Helper()
	s, err := c.Subscribe(t.Context(), pattern, h, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func echo(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
	return peertest.Echo(ctx, msg)
}

// openAdapter opens an adapter without a Conn around it.
func openAdapter(ctx context.Context, rawURL string) (transport.Adapter, error) {
	return peertest.OpenAdapter(ctx, Factory(), rawURL)
}

func bufioReader(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }

// foreign starts a server that knows nothing of polywire, and returns the URL of a client of it.
func foreign(t testing.TB, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}
