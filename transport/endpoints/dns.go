package endpoints

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const defaultInterval = 30 * time.Second

// DNS is the [Resolver] of dns:///host:port: each address of the host is an
// endpoint of that port. Certificates must name the host. The zero value is ready.
type DNS struct {
	Resolver *net.Resolver // nil is the system's
	Interval time.Duration // between two look-ups, as Go's resolver tells no TTL; 0 is 30 s
}

// Check asks for a host and a port.
func (d DNS) Check(target *url.URL) error {
	_, _, err := hostPort(target)
	return err
}

// Resolve looks up A and AAAA records.
func (d DNS) Resolve(ctx context.Context, target *url.URL) (Answer, error) {
	host, port, err := hostPort(target)
	if err != nil {
		return Answer{}, err
	}
	found, err := resolver(d.Resolver).LookupNetIP(ctx, "ip", host)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{TTL: cmp.Or(d.Interval, defaultInterval)}
	for _, ip := range found {
		a.Endpoints = append(a.Endpoints, Endpoint{Address: net.JoinHostPort(ip.Unmap().String(), port), Name: host})
	}
	return a, nil
}

func hostPort(target *url.URL) (host, port string, err error) {
	name, err := nameOf(target, "dns:///orders.svc:8080")
	if err != nil {
		return "", "", err
	}
	host, port, err = net.SplitHostPort(name)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" {
		return "", "", fmt.Errorf("target %.128q needs a host and a port, as dns:///orders.svc:8080", target)
	}
	return host, port, nil
}

// SRV is the [Resolver] of srv:///_service._proto.name: each SRV record is an
// endpoint with its priority and weight. What answers for a name service is not trusted to
// say who is to be trusted: certificates must name the name of the target, not the
// host of the record. The zero value is ready.
type SRV struct {
	Resolver *net.Resolver // nil is the system's
	Interval time.Duration // between two look-ups; 0 is 30 s
}

// Check asks for a name that begins with a service and a protocol.
func (s SRV) Check(target *url.URL) error {
	_, _, err := service(target)
	return err
}

// Resolve looks up SRV records.
func (s SRV) Resolve(ctx context.Context, target *url.URL) (Answer, error) {
	name, domain, err := service(target)
	if err != nil {
		return Answer{}, err
	}
	_, records, err := resolver(s.Resolver).LookupSRV(ctx, "", "", name)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{TTL: cmp.Or(s.Interval, defaultInterval)}
	weighted := slices.ContainsFunc(records, func(r *net.SRV) bool { return r.Weight > 0 })
	for _, r := range records {
		host := strings.TrimSuffix(r.Target, ".")
		if host == "" {
			continue // RFC 2782: the service is decidedly not available
		}
		weight := 1 // among others, a weight of 0 is a very small chance
		if weighted && r.Weight > 0 {
			weight = 100 * int(r.Weight)
		}
		a.Endpoints = append(a.Endpoints, Endpoint{
			Address: net.JoinHostPort(host, strconv.Itoa(int(r.Port))), Name: domain, Priority: int(r.Priority), Weight: weight,
		})
	}
	return a, nil
}

func service(target *url.URL) (name, domain string, err error) {
	if name, err = nameOf(target, "srv:///_http._tcp.orders.svc"); err != nil {
		return "", "", err
	}
	parts := strings.SplitN(name, ".", 3)
	if len(parts) < 3 || !strings.HasPrefix(parts[0], "_") || !strings.HasPrefix(parts[1], "_") || parts[2] == "" || strings.Contains(name, ":") {
		return "", "", fmt.Errorf("target %.128q needs a service, a protocol and a name, as srv:///_http._tcp.orders.svc; the record tells the port", target)
	}
	return name, strings.TrimSuffix(parts[2], "."), nil
}

// nameOf is the path of a target that has nothing else.
func nameOf(target *url.URL, example string) (string, error) {
	name := strings.TrimPrefix(target.Path, "/")
	switch {
	case target.Host != "":
		return "", fmt.Errorf("target %.128q has a host before its name: use three slashes, as %s", target, example)
	case name == "" || strings.Contains(name, "/") || target.RawQuery != "" || target.Fragment != "" || target.User != nil:
		return "", fmt.Errorf("target %.128q needs one name and nothing else, as %s", target, example)
	}
	return name, nil
}

func resolver(r *net.Resolver) *net.Resolver {
	if r == nil {
		return net.DefaultResolver
	}
	return r
}
