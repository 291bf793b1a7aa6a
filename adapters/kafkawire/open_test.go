package kafkawire

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
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
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
)

func TestWrongOptionsAreNamed(t *testing.T) {
	for _, test := range []struct{ url, want string }{
		{"kafka://h?colour=red", `unknown option "colour" (known: ca, cert,`},
		{"kafka://h?partitions=0", `option partitions="0": use 1 to 10000`},
		{"kafka://h?partitions=1&partitions=2", "option partitions is given 2 times"},
		{"kafka://h?replication=x", `option replication="x"`},
		{"kafka://h?linger=-1s", `option linger="-1s"`},
		{"kafka://h?session=1ms", `option session="1ms"`},
		{"kafka://h?prefix=a_b", `option prefix="a_b"`},
		{"kafka://h?sasl=magic", `option sasl="magic": use plain, scram-sha-256 or scram-sha-512`},
		{"kafka://h?insecure-auth=perhaps", `use true or false`},
		{"kafka://h?ca=x", "use the scheme kafkas"},
		{"kafkas://h?cert=x", "give both files"},
		{"kafka://h/path", "use ?prefix="},
		{"kafka://", "use host:port"},
		{"kafka://h:99999", "use host:port"},
		{"kafka://u:p@h", "insecure-auth=true"},
	} {
		u, err := url.Parse(test.url)
		if err == nil {
			_, err = Factory().Features(u)
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want it to say %q", test.url, err, test.want)
		}
	}
}

func TestBrokersWithoutAPortHaveKafkas(t *testing.T) {
	for raw, want := range map[string]string{"kafka://a,b:1": "a:9092 b:1", "kafka://[::1]": "[::1]:9092"} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Error(err)
			continue
		}
		o, err := parseOptions(u)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := strings.Join(o.seeds, " "); got != want {
			t.Errorf("seeds of %s are %q, want %q", raw, got, want)
		}
	}
}

func TestOpenFailsFastWhenNobodyAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_, err = transport.NewRegistry(Factory()).Open(brokertest.Context(t), "kafka://"+address)
	var e *transport.Error
	if !errors.As(err, &e) || e.Code != transport.CodeUnavailable || time.Since(start) > 5*time.Second {
		t.Errorf("got %v after %v", err, time.Since(start))
	}
}

// A broker that takes a connection and says nothing holds the client's first question for ten seconds.
func TestOpenEndsWithItsCtxWhereTheBrokerIsSilent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // it accepts by itself, and nobody reads
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	u, _ := url.Parse("kafka://" + l.Addr().String())
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = Factory().Open(ctx, transport.Setup{URL: u, Logger: slog.New(slog.DiscardHandler), Connected: func(error) {}})
	if d := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || d > 5*time.Second {
		t.Errorf("got %v after %v", err, d)
	}
}

func TestTLSIsVerifiedAndPasswordsAreChecked(t *testing.T) {
	config, ca := certificate(t)
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			c := fake(t, kfake.TLS(config), kfake.EnableSASL(), kfake.Superuser(mechanism, "me", "secret"))
			address := c.ListenAddrs()[0]
			sasl := "?sasl=" + strings.ToLower(mechanism)
			for _, test := range []struct {
				name, url string
				code      transport.Code
			}{
				{"the right password over verified TLS", "kafkas://me:secret@" + address + sasl + "&ca=" + ca, 0},
				{"a wrong password", "kafkas://me:wrong@" + address + sasl + "&ca=" + ca, transport.CodeUnavailable}, // the fake hangs up without a word
				{"an unknown authority", "kafkas://me:secret@" + address + sasl, transport.CodeUnavailable},
				{"plaintext to a TLS listener", "kafka://me:secret@" + address + sasl + "&insecure-auth=true", transport.CodeUnavailable},
			} {
				a, err := tryAdapter(test.url, func(error) {})
				switch {
				case err == nil && test.code == 0:
					if err := a.Send(brokertest.Context(t), brokertest.QueueEnvelope("tls", "x")); err != nil {
						t.Errorf("%s: %v", test.name, err)
					}
					brokertest.CloseAdapter(t, a)
				case err == nil:
					brokertest.CloseAdapter(t, a)
					t.Errorf("%s: connected", test.name)
				case test.code == 0 || !errors.Is(err, test.code):
					t.Errorf("%s: %v, want code %v", test.name, err, test.code)
				case strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "wrong"):
					t.Errorf("%s: the password is in the error: %v", test.name, err)
				}
			}
		})
	}
}

// certificate makes a server's for 127.0.0.1, and the file of its authority.
func certificate(t *testing.T) (*tls.Config, string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, ca
}

func TestErrorsOfTheBrokerHaveTheirCodes(t *testing.T) {
	a := &adapter{base: context.Background()}
	for err, want := range map[error]transport.Code{
		kerr.TopicAuthorizationFailed: transport.CodePermissionDenied,
		kerr.SaslAuthenticationFailed: transport.CodeUnauthenticated,
		kerr.MessageTooLarge:          transport.CodeResourceExhausted,
		kerr.PolicyViolation:          transport.CodeFailedPrecondition,
		kerr.NotLeaderForPartition:    transport.CodeUnavailable,
	} {
		if got := a.failure(context.Background(), fmt.Errorf("wrapped: %w", err)); !errors.Is(got, want) || !errors.Is(got, err) {
			t.Errorf("%v became %v, want code %v", err, got, want)
		}
	}
}

func TestALostConnectionIsReportedAndSoIsItsReturn(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	port := c.ListenAddrs()[0]
	states := make(chan error, 16)
	a, err := tryAdapter("kafka://"+port, func(err error) { states <- err })
	if err != nil {
		t.Fatal(err)
	}
	defer brokertest.CloseAdapter(t, a)
	c.Close()
	if err := brokertest.Receive(t, states); err == nil {
		t.Error("the loss was reported as a return")
	}
	short, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if err := a.Send(short, brokertest.QueueEnvelope("lost", "x")); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, transport.CodeUnavailable) {
		t.Errorf("a send without a broker gives %v", err)
	}
	_, number, err := net.SplitHostPort(port)
	if err != nil {
		t.Fatal(err)
	}
	n, err := net.LookupPort("tcp", number)
	if err != nil {
		t.Fatal(err)
	}
	fake(t, kfake.Ports(n))
	if err := brokertest.Receive(t, states); err != nil {
		t.Errorf("the return was reported as %v", err)
	}
}

func TestEveryVerbAfterCloseIsClosed(t *testing.T) {
	a := openAdapter(t, fakeURL(fake(t)))
	brokertest.CloseAdapter(t, a)
	brokertest.CloseAdapter(t, a)
	ctx := brokertest.Context(t)
	if err := a.Send(ctx, brokertest.QueueEnvelope("x", "x")); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Send: %v", err)
	}
	if _, err := a.Bind(ctx, transport.Binding{Kind: transport.KindQueue, Pattern: "x", Credit: 1}, brokertest.NewSink()); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Bind: %v", err)
	}
}

func TestLimitsOfTheTopicAreKept(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		ctx := brokertest.Context(t)
		a := openAdapter(t, url)
		defer brokertest.CloseAdapter(t, a)
		s := brokertest.NewSink()
		mustBind(t, a, transport.Binding{Kind: transport.KindQueue, Pattern: "big"}, s)
		big := brokertest.QueueEnvelope("big", "x")
		big.Body = make([]byte, maxBody)
		_, _ = rand.Read(big.Body)
		if err := a.Send(ctx, big); err != nil {
			t.Fatal(err)
		}
		if d := s.Next(t); string(d.Envelope().Body) != string(big.Body) {
			t.Error("8 MiB arrived changed")
		}
		small, _ := a.names.topic(transport.KindQueue, "small") // somebody else's topic, with Kafka's own limit
		if _, err := a.admin.CreateTopic(ctx, 1, -1, nil, small); err != nil {
			t.Fatal(err)
		}
		big.Destination = "small"
		if err := a.Send(ctx, big); !errors.Is(err, transport.CodeResourceExhausted) {
			t.Errorf("8 MiB to a topic of 1 MiB: %v", err)
		}
		if err := a.Send(ctx, brokertest.QueueEnvelope("small", "x")); err != nil {
			t.Error(err)
		}
	})
}

func TestOpenAndCloseLeaveNothing(t *testing.T) {
	c := fake(t)
	ctx := brokertest.Context(t)
	for range 50 {
		a := openAdapter(t, fakeURL(c))
		mustBind(t, a, transport.Binding{Kind: transport.KindReply}, brokertest.NewSink())
		mustBind(t, a, transport.Binding{Kind: transport.KindQueue, Pattern: "q"}, brokertest.NewSink())
		brokertest.CloseAdapter(t, a)
	}
	a := openAdapter(t, fakeURL(c))
	defer brokertest.CloseAdapter(t, a)
	topics, err := a.admin.ListTopics(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(topics.Names(), " "); got != "polywire--reply q" {
		t.Errorf("topics are %q", got)
	}
	groups, err := a.admin.DescribeGroups(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		if len(g.Members) != 0 {
			t.Errorf("group %s has %d members", g.Group, len(g.Members))
		}
	}
}
