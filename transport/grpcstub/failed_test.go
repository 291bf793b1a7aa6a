package grpcstub

import (
	"testing"

	"google.golang.org/grpc/metadata"

	"github.com/polywire/polywire/transport"
)

// FuzzFailedMetadata holds that a detail of a stranger is metadata or nothing, and takes no other detail with it.
func FuzzFailedMetadata(f *testing.F) {
	s := &serverStream{header: metadata.Pairs("h-a", "1", "h-b-bin", "\x00"), trailer: metadata.Pairs("t-a", "")}
	whole := s.failed()[0].Data
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte("\x0a\x05\x0a\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		other := transport.Detail{Type: "type.googleapis.com/google.rpc.ErrorInfo", Data: b}
		h, rest := metadataOf([]transport.Detail{other, {Type: failedMetadata, Data: b}})
		if len(rest) != 1 || rest[0].Type != other.Type {
			t.Fatalf("got details %v, want the other one", rest)
		}
		size := 0
		for key, value := range h.All() {
			size += len(key) + len(value)
		}
		if size > len(b) {
			t.Fatalf("%d bytes of metadata of %d bytes", size, len(b))
		}
	})
}
