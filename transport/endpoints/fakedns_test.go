package endpoints_test

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// A nameServer answers look-ups over UDP on loopback.
type nameServer struct {
	conn net.PacketConn

	mu    sync.Mutex // guards the fields below
	hosts map[string][]netip.Addr
	srv   map[string][]net.SRV
}

const (
	typeA    = 1
	typeAAAA = 28
	typeSRV  = 33
)

func newNameServer(t *testing.T) *nameServer {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nameServer{conn: conn, hosts: map[string][]netip.Addr{}, srv: map[string][]net.SRV{}}
	var serving sync.WaitGroup
	serving.Go(s.serve)
	t.Cleanup(func() {
		_ = conn.Close()
		serving.Wait()
	})
	return s
}

// resolver is Go's own, which asks s alone.
func (s *nameServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", s.conn.LocalAddr().String())
	}}
}

func (s *nameServer) host(name string, addresses ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts[name] = nil
	for _, a := range addresses {
		s.hosts[name] = append(s.hosts[name], netip.MustParseAddr(a))
	}
}

func (s *nameServer) service(name string, records ...net.SRV) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.srv[name] = records
}

func (s *nameServer) serve() {
	query := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(query)
		if err != nil {
			return
		}
		if n > 12 {
			_, _ = s.conn.WriteTo(s.answer(query[:n]), from) // who asked asks again
		}
	}
}

// answer copies the question and adds records of it. RFC 1035, section 4.
func (s *nameServer) answer(query []byte) []byte {
	name, end := question(query)
	kind := binary.BigEndian.Uint16(query[end:])
	out := append([]byte{}, query[:end+4]...)
	var records [][]byte
	s.mu.Lock()
	for _, a := range s.hosts[name] {
		if a.Is4() == (kind == typeA) && kind != typeSRV {
			records = append(records, a.AsSlice())
		}
	}
	for _, r := range s.srv[name] {
		if kind == typeSRV {
			data := binary.BigEndian.AppendUint16(nil, r.Priority)
			data = binary.BigEndian.AppendUint16(data, r.Weight)
			data = binary.BigEndian.AppendUint16(data, r.Port)
			records = append(records, appendName(data, r.Target))
		}
	}
	known := len(s.hosts[name])+len(s.srv[name]) > 0
	s.mu.Unlock()
	out[2], out[3] = 0x84, 0 // a response, with authority
	if !known {
		out[3] = 3 // no such name
	}
	clear(out[6:12])
	binary.BigEndian.PutUint16(out[6:], uint16(len(records)))
	for _, data := range records {
		out = append(out, 0xc0, 12) // the name of the question
		out = binary.BigEndian.AppendUint16(out, kind)
		out = append(out, 0, 1, 0, 0, 0, 5) // class IN, five seconds
		out = binary.BigEndian.AppendUint16(out, uint16(len(data)))
		out = append(out, data...)
	}
	return out
}

func question(query []byte) (name string, end int) {
	var labels []string
	at := 12
	for query[at] != 0 {
		labels = append(labels, string(query[at+1:at+1+int(query[at])]))
		at += 1 + int(query[at])
	}
	return strings.Join(labels, ".") + ".", at + 1
}

func appendName(to []byte, name string) []byte {
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		to = append(append(to, byte(len(label))), label...)
	}
	return append(to, 0)
}
