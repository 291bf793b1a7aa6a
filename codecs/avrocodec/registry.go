package avrocodec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// A Registry is a Store that asks a schema registry with the interface of
// Confluent's, over HTTP. It is safe for concurrent use.
//
// A number is asked for as it is. For the fingerprint of a single object, which
// such registries do not know, it looks through the newest versions under the
// subjects of WithSubjects. Schemas that refer to others are read with them, up to 64.
// An answer is read up to 1 MiB; redirects are refused.
type Registry struct {
	client   *sr.Client
	options  []sr.ClientOpt
	subjects func(*Schema) []string
	register bool
	insecure bool

	mu     sync.Mutex             // guards what follows; not held while the registry is asked
	lists  map[string]versionList // by subject
	parsed map[version]*Schema
}

// A version is one of the schemas under a subject. It never changes.
type version struct {
	subject string
	number  int
}

// A versionList is what stood under a subject at a time.
type versionList struct {
	numbers []int
	at      time.Time
}

// A RegistryOption changes what NewRegistry makes.
type RegistryOption func(*Registry)

// WithClient passes options to the client of the registry: credentials, TLS, an
// HTTP client of its own.
func WithClient(opts ...sr.ClientOpt) RegistryOption {
	return func(r *Registry) { r.options = append(r.options, opts...) }
}

// WithSubjects says under which subjects the schemas of a type stand; the first is
// the one by which our own is looked up and registered. By default it is the name
// of the record. Topics have "name-value".
func WithSubjects(of func(*Schema) []string) RegistryOption {
	return func(r *Registry) { r.subjects = of }
}

// WithRegistration registers schemas of ours that the registry does not have, when
// the first value is written. Without it that is an error.
func WithRegistration() RegistryOption {
	return func(r *Registry) { r.register = true }
}

// WithInsecurePlaintext lets a password travel over http:// to another machine.
func WithInsecurePlaintext() RegistryOption {
	return func(r *Registry) { r.insecure = true }
}

// What is read of a registry at most.
const (
	maxAnswer   = 1 << 20
	maxVersions = 64 // of a subject, the newest
	maxParsed   = 4096
	maxLists    = 1024
	listFor     = time.Second // that a list of versions is believed
)

// NewRegistry returns a Registry at a URL such as https://registry.example:8081. It
// connects to nothing yet.
func NewRegistry(address string, opts ...RegistryOption) (*Registry, error) {
	r := &Registry{
		subjects: func(s *Schema) []string { return []string{s.Name()} },
		lists:    make(map[string]versionList), parsed: make(map[version]*Schema),
	}
	for _, opt := range opts {
		opt(r)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("avro: registry: want a URL such as https://registry.example:8081")
	}
	given, err := sr.NewClient(append(r.options, sr.URLs(address))...)
	if err != nil {
		return nil, fmt.Errorf("avro: registry: %w", err)
	}
	if u.Scheme == "http" && hasSecret(u, given) && !isLocal(u.Hostname()) && !r.insecure {
		return nil, errors.New("avro: registry: http:// would send the password to another machine in the clear: use https://, or allow it by WithInsecurePlaintext")
	}
	own := append(slices.Clone(given.Opts()), sr.DialTLSConfig(nil), sr.HTTPClient(bound(given)))
	if r.client, err = sr.NewClient(own...); err != nil {
		return nil, fmt.Errorf("avro: registry: %w", err)
	}
	return r, nil
}

func hasSecret(u *url.URL, c *sr.Client) bool {
	return u.User != nil || len(c.OptValues(sr.BasicAuth)) > 0 || c.OptValue(sr.BearerToken) != ""
}

func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// bound returns the HTTP client of c with answers of bounded size and without
// redirects, which could lead a password elsewhere.
func bound(c *sr.Client) *http.Client {
	given, _ := c.OptValue(sr.HTTPClient).(*http.Client)
	of := *given
	if of.Transport == nil {
		if shared, ok := http.DefaultTransport.(*http.Transport); ok {
			of.Transport = shared.Clone()
		}
	}
	of.Transport = boundTransport{of.Transport}
	of.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &of
}

type boundTransport struct{ http.RoundTripper }

func (t boundTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(req)
	if err == nil {
		resp.Body = &boundBody{ReadCloser: resp.Body, left: maxAnswer}
	}
	return resp, err
}

// A boundBody fails once more was read than may be.
type boundBody struct {
	io.ReadCloser
	left int
}

func (b *boundBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, fmt.Errorf("an answer of more than %d bytes", maxAnswer)
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	b.left -= n
	return n, err
}

// Find returns the schema that the registry has under a number, or a schema of that
// fingerprint under one of the subjects of the reader.
func (r *Registry) Find(ctx context.Context, ref Ref) (*Schema, error) {
	if ref.ByID {
		if ref.ID > math.MaxInt32 {
			return nil, nil // registries count in 31 bits
		}
		s, err := r.client.SchemaByID(ctx, int(ref.ID))
		return r.parse(ctx, s, err)
	}
	for _, subject := range r.subjects(ref.Reader) {
		s, err := r.search(ctx, subject, ref.Fingerprint)
		if s != nil || err != nil {
			return s, err
		}
	}
	return nil, nil
}

// search looks through the versions of a subject, the newest first.
func (r *Registry) search(ctx context.Context, subject string, fingerprint [8]byte) (*Schema, error) {
	numbers, err := r.versions(ctx, subject)
	if err != nil {
		return nil, err
	}
	for _, number := range numbers {
		s, err := r.version(ctx, version{subject, number})
		if err != nil {
			return nil, err
		}
		if s != nil && s.Fingerprint() == fingerprint {
			return s, nil
		}
	}
	return nil, nil
}

func (r *Registry) versions(ctx context.Context, subject string) ([]int, error) {
	r.mu.Lock()
	list, ok := r.lists[subject]
	r.mu.Unlock()
	if ok && time.Since(list.at) < listFor {
		return list.numbers, nil
	}
	numbers, err := r.client.SubjectVersions(ctx, subject)
	if err != nil && !isNotFound(err) {
		return nil, answered(err)
	}
	slices.SortFunc(numbers, func(a, b int) int { return b - a })
	numbers = numbers[:min(len(numbers), maxVersions)]
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lists) >= maxLists {
		clear(r.lists)
	}
	r.lists[subject] = versionList{numbers, time.Now()}
	return numbers, nil
}

// version returns a version of a subject, or nil for one that cannot be used: it is
// no reason not to look at the others.
func (r *Registry) version(ctx context.Context, v version) (*Schema, error) {
	r.mu.Lock()
	s, ok := r.parsed[v]
	r.mu.Unlock()
	if ok {
		return s, nil
	}
	answer, err := r.client.SchemaByVersion(ctx, v.subject, v.number)
	if err != nil && !isNotFound(err) {
		return nil, answered(err)
	}
	s, err = r.parse(ctx, answer.Schema, err)
	if later := (*noAnswer)(nil); errors.As(err, &later) {
		return nil, err
	}
	if err != nil {
		s = nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.parsed) >= maxParsed {
		clear(r.parsed)
	}
	r.parsed[v] = s
	return s, nil
}

// id returns the number of a schema of ours, which it registers if it may.
func (r *Registry) id(ctx context.Context, s *Schema) (uint32, error) {
	subjects := r.subjects(s)
	if len(subjects) == 0 {
		return 0, errors.New("the schema has no subject (WithSubjects)")
	}
	ours := sr.Schema{Schema: s.String(), Type: sr.TypeAvro}
	found, err := r.client.LookupSchema(ctx, subjects[0], ours)
	if isNotFound(err) && r.register {
		found, err = r.client.CreateSchema(ctx, subjects[0], ours)
	}
	switch {
	case isNotFound(err):
		return 0, fmt.Errorf("the schema registry does not have our schema under %q; register it, or let WithRegistration do so", subjects[0])
	case err != nil:
		return 0, answered(err)
	case found.ID < 0 || found.ID > math.MaxInt32:
		return 0, errors.New("the schema registry gave a number that is none")
	}
	return uint32(found.ID), nil
}

func isNotFound(err error) bool {
	var e *sr.ResponseError
	return errors.As(err, &e) && e.StatusCode == http.StatusNotFound
}

// A noAnswer is an error of the registry that may pass.
type noAnswer struct{ text string }

func (e *noAnswer) Error() string { return e.text }

// answered returns the error of the registry without its words, and without the URL,
// which may hold a password.
func answered(err error) error {
	var e *sr.ResponseError
	switch {
	case errors.As(err, &e):
		return &noAnswer{fmt.Sprintf("the schema registry answered %d", e.StatusCode)}
	case errors.Is(err, context.DeadlineExceeded):
		return &noAnswer{"the schema registry did not answer in time"}
	default:
		return &noAnswer{"the schema registry cannot be reached, or its answer not be read"}
	}
}
