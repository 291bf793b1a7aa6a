package amqpwire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
)

func TestOptions(t *testing.T) {
	for _, c := range []struct{ url, want string }{ // want is a part of the error; empty for none
		{"amqp://localhost", ""},
		{"amqp://127.0.0.1:1?prefix=x.&queue=quorum&single=1&expires=1h&window=1&heartbeat=5s&connect-timeout=1s", ""},
		{"amqps://broker.example?servername=b", ""},
		{"amqp://broker.example", "insecure=plaintext"},
		{"amqp://broker.example?insecure=plaintext", ""},
		{"amqp://localhost?insecure=yes", "insecure"},
		{"amqp://localhost?prefix=amq.", "prefix"},
		{"amqp://localhost?prefix=", "prefix"},
		{"amqp://localhost?prefix=" + strings.Repeat("x", 21), "prefix"},
		{"amqp://localhost?queue=stream", "queue"},
		{"amqp://localhost?single=yes", "single"},
		{"amqp://localhost?window=0", "window"},
		{"amqp://localhost?expires=1ms", "expires"},
		{"amqp://localhost?heartbeat=0s", "heartbeat"},
		{"amqp://localhost?connect-timeout=x", "connect-timeout"},
		{"amqp://localhost?ca=x", "amqps"},
		{"amqps://localhost?cert=x", "cert and key"},
		{"amqp://localhost?window=1&window=2", "once"},
		{"amqp://localhost?colour=red", "unknown option"},
		{"amqp://localhost?%zz", "parse"},
		{"amqp://localhost/" + strings.Repeat("v", 256), "255"},
	} {
		u, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Factory().Features(u)
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, transport.CodeInvalidArgument) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want an error with %q", c.url, err, c.want)
		}
	}
}

func FuzzOptions(f *testing.F) {
	f.Add("amqp://u:p@localhost:1/v?prefix=x&window=3")
	f.Add("amqps://h?ca=x&queue=auto&expires=1h")
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.Parse(raw)
		if err != nil {
			return
		}
		if o, err := parseOptions(u); err == nil && (o.window < 1 || !validPrefix(o.prefix) || !o.tls && !loopback(o.host) && !strings.Contains(u.RawQuery, insecurePlaintext)) {
			t.Errorf("%q gives %+v", raw, o)
		}
	})
}

func TestOrderIsDeclaredWithASingleActiveConsumerAlone(t *testing.T) {
	for raw, want := range map[string]bool{"amqp://localhost": false, "amqp://localhost?single=1": true} {
		u, _ := url.Parse(raw)
		if f, err := Factory().Features(u); err != nil || f.OrderedByKey != want {
			t.Errorf("%s: OrderedByKey %v, %v; want %v", raw, f.OrderedByKey, err, want)
		}
	}
}

// certificate makes one for name, signed by itself, and writes it to a file.
func certificate(t *testing.T, name string) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func TestTLSVerifiesTheBroker(t *testing.T) {
	cert, ca := certificate(t, "broker.test")
	_, other := certificate(t, "broker.test")
	b := startFakeOn(t, func(ln net.Listener) net.Listener {
		return tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{cert}})
	})
	url := "amqps://" + b.ln.Addr().String() + "?ca="
	c := openConn(t, url+ca+"&servername=broker.test")
	if err := c.Send(brokertest.Context(t), &transport.Message{Destination: "x"}); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string]string{
		"another name":  url + ca + "&servername=else.test",
		"no name":       url + ca,
		"another CA":    url + other + "&servername=broker.test",
		"the system's":  "amqps://" + b.ln.Addr().String() + "?servername=broker.test",
		"no such file":  url + "/nowhere&servername=broker.test",
		"no PEM at all": url + "/dev/null&servername=broker.test",
	} {
		if _, err := transport.NewRegistry(Factory()).Open(brokertest.Context(t), bad); err == nil {
			t.Errorf("%s: the broker is trusted", name)
		}
	}
}

func TestAWrongPasswordIsUnauthenticated(t *testing.T) {
	u, err := url.Parse(rabbitmq.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("guest", "wrong")
	_, err = transport.NewRegistry(Factory()).Open(brokertest.Context(t), u.String())
	if !errors.Is(err, transport.CodeUnauthenticated) || strings.Contains(err.Error(), "wrong") {
		t.Errorf("got %v, want unauthenticated without the password", err)
	}
	u.User, u.Path = url.UserPassword("guest", "guest"), "/nowhere"
	if _, err = transport.NewRegistry(Factory()).Open(brokertest.Context(t), u.String()); !errors.Is(err, transport.CodePermissionDenied) {
		t.Errorf("a vhost that does not exist gives %v", err)
	}
}

func TestNobodyThereIsUnavailable(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	address := ln.Addr().String()
	begin := time.Now()
	_, err = transport.NewRegistry(Factory()).Open(brokertest.Context(t), "amqp://"+address+"?connect-timeout=300ms") // it accepts, and is silent
	if !errors.Is(err, transport.CodeUnavailable) || time.Since(begin) > 3*time.Second {
		t.Errorf("a silent port gives %v after %v", err, time.Since(begin))
	}
	_ = ln.Close()
	if _, err = transport.NewRegistry(Factory()).Open(brokertest.Context(t), "amqp://"+address); !errors.Is(err, transport.CodeUnavailable) {
		t.Errorf("a closed port gives %v", err)
	}
}
