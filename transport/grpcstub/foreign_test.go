package grpcstub_test

import (
	"context"
	"encoding/hex"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/polywire/polywire/adapters/all"
	"github.com/polywire/polywire/internal/brokertest"
)

const accountsProto = "../../internal/testpb/accountspb"

// A foreigner is a program of gRPC in another language, and how to start it.
type foreigner struct {
	program string
	args    []string // before its own
}

// foreigners runs a test with Python's generated stubs and with Node's.
func foreigners(t *testing.T, test func(t *testing.T, f foreigner)) {
	t.Run("python", func(t *testing.T) {
		python, dir := brokertest.Python(t, "grpc_tools"), t.TempDir()
		generate := exec.CommandContext(t.Context(), python, "-m", "grpc_tools.protoc", "-I", accountsProto,
			"--python_out="+dir, "--grpc_python_out="+dir, "accounts.proto")
		if out, err := generate.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		test(t, foreigner{python, []string{"testdata/grpc_peer.py", dir}})
	})
	t.Run("node", func(t *testing.T) {
		t.Setenv("NODE_PATH", brokertest.Node(t, "@grpc/grpc-js", "@grpc/proto-loader"))
		test(t, foreigner{"node", []string{"testdata/grpc_peer.cjs", filepath.Join(accountsProto, "accounts.proto")}})
	})
}

func (f foreigner) start(t *testing.T, args ...string) *brokertest.Peer {
	t.Helper()
	return brokertest.StartPeer(brokertest.Context(t), t, f.program, append(f.args, args...)...)
}

// seen is what a client tells.
type seen struct {
	Version           string
	ID, Name, Payload string
	Header, Trailer   map[string]string
	Big               int
	Codes             [][2]any
	Deadline, Unknown codes.Code
	Stream            [2]any
}

func TestGeneratedStubsOfOtherLanguagesCallOurs(t *testing.T) {
	foreigners(t, func(t *testing.T, f foreigner) {
		client, server := nodes(t, "grpc")
		w := newWorld(t, client, server)
		p := f.start(t, "client", server.Addr())
		var got seen
		p.Decode(t, &got)
		t.Log(got.Version)
		want := seen{
			Version: got.Version, ID: "metadata", Name: "Ada Lovelace", Payload: "00ff", Big: 3 << 20,
			Header: map[string]string{"h-a": "1", "h-a-bin": "00ff"}, Trailer: map[string]string{"t-b": "2", "t-b-bin": "0a"},
			Deadline: codes.DeadlineExceeded, Unknown: codes.Unimplemented,
		}
		for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
			want.Codes = append(want.Codes, [2]any{float64(code), "no % ü"})
		}
		if got.Stream[0] != float64(codes.Unimplemented) || !strings.Contains(got.Stream[1].(string), "a request carries one message each way") {
			t.Errorf("a stream ended with %v, want Unimplemented with the reason", got.Stream)
		}
		got.Stream = want.Stream
		if got.Deadline == codes.Canceled { // grpc-go resets a stream whose time is up with CANCEL; a peer whose own timer is later, as C-core's now and then, tells that
			got.Deadline = codes.DeadlineExceeded
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if err := brokertest.Receive(t, w.accounts.left); err == nil { // of the deadline
			t.Error("the handler's ctx has no error")
		}
		if line := p.Line(t); line != `"cancelled"` {
			t.Errorf("the peer says %s", line)
		}
		if err := brokertest.Receive(t, w.accounts.left); err == nil {
			t.Error("the handler did not learn that its caller gave up")
		}
		p.Wait(t)
	})
}

func TestOurStubsCallServersOfOtherLanguages(t *testing.T) {
	foreigners(t, func(t *testing.T, f foreigner) {
		p := f.start(t, "server")
		var address string
		p.Decode(t, &address)
		stub := stubs(t, open(t, all.Registry(), "grpc://"+address))
		in := request("7")
		in.Payload = []byte{0, 255}
		var header, trailer metadata.MD
		ctx := metadata.NewOutgoingContext(brokertest.Context(t), metadata.Pairs("h-a", "1", "h-a-bin", "\x00\xff", "t-b", "2", "t-b-bin", "\n"))
		got, err := stub.Verify(ctx, in, grpc.Header(&header), grpc.Trailer(&trailer))
		if err != nil {
			t.Fatal(err)
		}
		if got.GetId() != "7" || got.GetName() != "Ada Lovelace" || hex.EncodeToString(got.GetPayload()) != "00ff" || got.GetRemainingMs() <= 0 {
			t.Errorf("got %v", got)
		}
		for key, want := range map[string]string{"h-a": "1", "h-a-bin": "\x00\xff"} {
			if v := header.Get(key); len(v) != 1 || v[0] != want {
				t.Errorf("header %s: got %q, want %q", key, v, want)
			}
		}
		for key, want := range map[string]string{"t-b": "2", "t-b-bin": "\n"} {
			if v := trailer.Get(key); len(v) != 1 || v[0] != want {
				t.Errorf("trailer %s: got %q, want %q", key, v, want)
			}
		}
		for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
			bad := request("7")
			bad.Code, bad.Message = int32(code), "no % ü"
			_, err := stub.Verify(brokertest.Context(t), bad)
			if s := status.Convert(err); s.Code() != code || s.Message() != bad.Message {
				t.Errorf("%v: got %v", code, err)
			}
		}
		if _, err := stub.Audit(brokertest.Context(t), in); status.Code(err) != codes.Unimplemented {
			t.Errorf("a method that it lacks: got %v, want Unimplemented", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := stub.Verify(ctx, request("wait")); status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("got %v, want DeadlineExceeded", err)
		}
		if line := p.Line(t); line != `"ended"` {
			t.Errorf("the peer says %s, want that its call ended", line)
		}
		if _, err := stub.Verify(brokertest.Context(t), request("stop")); err != nil {
			t.Error(err)
		}
		p.Wait(t)
	})
}
