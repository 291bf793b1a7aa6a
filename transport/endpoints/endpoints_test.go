package endpoints_test

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/transport/endpoints"
)

func target(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func byAddress(a, b endpoints.Endpoint) int { return strings.Compare(a.Address, b.Address) }

func TestDNSMakesAnEndpointOfEachAddress(t *testing.T) {
	dns := newNameServer(t)
	dns.host("orders.test.", "10.0.0.2", "10.0.0.1", "2001:db8::1")
	r := endpoints.DNS{Resolver: dns.resolver()}
	got, err := r.Resolve(t.Context(), target(t, "dns:///orders.test:8080"))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got.Endpoints, byAddress)
	want := []endpoints.Endpoint{
		{Address: "10.0.0.1:8080", Name: "orders.test"}, {Address: "10.0.0.2:8080", Name: "orders.test"}, {Address: "[2001:db8::1]:8080", Name: "orders.test"},
	}
	if !slices.Equal(got.Endpoints, want) || got.TTL != 30*time.Second {
		t.Errorf("got %+v for %v, want %+v for 30s", got.Endpoints, got.TTL, want)
	}
	dns.host("orders.test.", "10.0.0.3")
	if got, err = r.Resolve(t.Context(), target(t, "dns:///orders.test:8080")); err != nil || len(got.Endpoints) != 1 || got.Endpoints[0].Address != "10.0.0.3:8080" {
		t.Errorf("asked again: %+v, %v; want 10.0.0.3:8080", got.Endpoints, err)
	}
	if _, err := r.Resolve(t.Context(), target(t, "dns:///none.test:8080")); err == nil || !strings.Contains(err.Error(), "none.test") {
		t.Errorf("a name that there is not: %v, want an error that names it", err)
	}
}

func TestSRVKeepsPortsPrioritiesAndWeightsAndTrustsTheTargetsNameAlone(t *testing.T) {
	dns := newNameServer(t)
	name := "_http._tcp.orders.test."
	dns.service(name, []net.SRV{
		{Target: "a.other.test.", Port: 8081, Priority: 1, Weight: 3}, {Target: "b.other.test.", Port: 8082, Priority: 1}, {Target: "c.other.test.", Port: 8083, Priority: 2, Weight: 1},
	}...)
	got, err := endpoints.SRV{Resolver: dns.resolver()}.Resolve(t.Context(), target(t, "srv:///_http._tcp.orders.test"))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got.Endpoints, byAddress)
	want := []endpoints.Endpoint{
		{Address: "a.other.test:8081", Name: "orders.test", Priority: 1, Weight: 300}, {Address: "b.other.test:8082", Name: "orders.test", Priority: 1, Weight: 1},
		{Address: "c.other.test:8083", Name: "orders.test", Priority: 2, Weight: 100},
	}
	if !slices.Equal(got.Endpoints, want) {
		t.Errorf("got  %+v\nwant %+v", got.Endpoints, want)
	}
	dns.service(name, net.SRV{Target: "."})
	if got, err := (endpoints.SRV{Resolver: dns.resolver()}).Resolve(t.Context(), target(t, "srv:///_http._tcp.orders.test")); err == nil && len(got.Endpoints) > 0 {
		t.Errorf("a service that is decidedly not available has endpoints %+v", got.Endpoints)
	}
}

func TestAFileHoldsAddressesOneALineOrAsJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orders")
	u := target(t, "file://"+path)
	for _, c := range []struct {
		text, fails string
		want        []endpoints.Endpoint
	}{
		{text: "# ours\n10.0.0.1:80\n\n  10.0.0.2:80 # the other\r\n", want: []endpoints.Endpoint{{Address: "10.0.0.1:80"}, {Address: "10.0.0.2:80"}}},
		{text: ` ["a:1", {"address":"b:2","name":"orders","priority":1,"weight":3}]`, want: []endpoints.Endpoint{{Address: "a:1"}, {Address: "b:2", Name: "orders", Priority: 1, Weight: 3}}},
		{text: ""},
		{text: `["a:1"`, fails: "JSON"},
		{text: `["a:1", {}]`, fails: "entry 2 has no address"},
		{text: `[{"adress":"a:1"}]`, fails: "adress"},
		{text: strings.Repeat("#", 1<<20+1), fails: "bytes"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := endpoints.File{}.Resolve(t.Context(), u)
		switch {
		case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails) || !strings.Contains(err.Error(), path)):
			t.Errorf("%.40q: %v, want an error with %q and the path", c.text, err, c.fails)
		case c.fails == "" && (err != nil || !slices.Equal(got.Endpoints, c.want)):
			t.Errorf("%.40q: got %+v, %v; want %+v", c.text, got.Endpoints, err, c.want)
		}
	}
	if _, err := (endpoints.File{}).Resolve(t.Context(), target(t, "file:///there/is/none")); err == nil {
		t.Error("a file that there is not is no error")
	}
}

func TestTargetsThatCanNeverBeResolvedAreRefusedWithWhatToWrite(t *testing.T) {
	for entry, want := range map[string]string{
		"localhost:8081": "", "http://localhost:8081": "", "consul:///orders": "", "dns:///orders.svc:8080": "", "srv:///_grpc._tcp.orders.svc": "", "file:///etc/orders": "",
		"dns:///orders.svc":                 "as dns:///orders.svc:8080",
		"dns://orders.svc:8080":             "use three slashes",
		"dns:///orders.svc:8080/x":          "one name and nothing else",
		"dns:///orders.svc:0":               "a host and a port",
		"dns:///:80":                        "a host and a port",
		"srv:///orders.svc":                 "as srv:///_http._tcp.orders.svc",
		"srv:///_http._tcp.orders.svc:8080": "tells the port",
		"srv:///_http._tcp.x?y=1":           "one name and nothing else",
		"file://etc/orders":                 "a whole path",
		"file:///":                          "a whole path",
		"dns:///%zz":                        "cannot be read",
	} {
		err := endpoints.Check(entry)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", entry, err, want)
		}
	}
}
