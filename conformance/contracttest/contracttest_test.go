package contracttest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/avrocodec"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/codecs/msgpackcodec"
	"github.com/polywire/polywire/codecs/protocodec"
	"github.com/polywire/polywire/codecs/xmlcodec"
	"github.com/polywire/polywire/conformance/contracttest"
	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kgo.(*brokerCxn).handleResps"))
}

func harness() transporttest.Harness {
	return transporttest.FromURL(transport.NewRegistry(inproc.Factory()), "inproc://", "inproc://")
}

func TestJSONInProcess(t *testing.T) {
	contracttest.Suite{Codec: jsoncodec.New()}.Run(t, harness())
}

func TestAvroInProcess(t *testing.T) {
	contracttest.Suite{Codec: avrocodec.New()}.Run(t, harness())
}

func TestMessagePackInProcess(t *testing.T) {
	contracttest.Suite{Codec: msgpackcodec.New()}.Run(t, harness())
}

func TestProtobufInProcess(t *testing.T) {
	contracttest.Suite{Codec: protocodec.New()}.Run(t, harness())
}

func TestXMLInProcess(t *testing.T) {
	contracttest.Suite{Codec: xmlcodec.New()}.Run(t, harness())
}

func TestJSONOnTheCallersGoroutine(t *testing.T) {
	reg := transport.NewRegistry(inproc.Factory())
	contracttest.Suite{Codec: jsoncodec.New()}.Run(t, transporttest.FromURL(reg, "inproc://?inline", "inproc://?inline"))
}

func TestIdsAreUniqueAndCasesSayTheirRule(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range (contracttest.Suite{Codec: jsoncodec.New()}).Cases() {
		if seen[c.ID] || !strings.HasSuffix(c.Rule, ".") || len(c.Sections) == 0 || c.Run == nil || c.Level == "" || c.Tier == "" {
			t.Errorf("got %+v, want an id of its own, a sentence, sections, a level and a tier", c)
		}
		seen[c.ID] = true
		for _, feature := range c.Needs {
			if !slices.Contains(transport.Features{}.Names(), feature) {
				t.Errorf("%s needs %q, which is no feature", c.ID, feature)
			}
		}
	}
	for _, id := range []string{"T032", "T043", "T044", "C107", "C108"} {
		if !seen[id] {
			t.Errorf("case %s is missing", id)
		}
	}
}

// A faultyCodec breaks one promise.
type faultyCodec struct {
	codecs.Codec
	append func(c codecs.Codec, dst []byte, v any) ([]byte, error)
	decode func(c codecs.Codec, src []byte, v any) error
}

func (f faultyCodec) Append(dst []byte, v any) ([]byte, error) {
	if f.append != nil {
		return f.append(f.Codec, dst, v)
	}
	return f.Codec.Append(dst, v)
}

func (f faultyCodec) Decode(src []byte, v any) error {
	if f.decode != nil {
		return f.decode(f.Codec, src, v)
	}
	return f.Codec.Decode(src, v)
}

// A lossyBus changes what passes it.
type lossyBus struct {
	contract.Bus
	outbound func(*transport.Message)
	reply    func(*transport.Message)
	failure  func(*transport.Error)
}

func (l lossyBus) changed(msg *transport.Message) *transport.Message {
	c := *msg
	if l.outbound != nil {
		l.outbound(&c)
	}
	return &c
}

func (l lossyBus) Send(ctx context.Context, msg *transport.Message, opts ...transport.CallOption) error {
	return l.Bus.Send(ctx, l.changed(msg), opts...)
}

func (l lossyBus) Publish(ctx context.Context, msg *transport.Message, opts ...transport.CallOption) error {
	return l.Bus.Publish(ctx, l.changed(msg), opts...)
}

func (l lossyBus) Request(ctx context.Context, msg *transport.Message, opts ...transport.CallOption) (*transport.Message, error) {
	reply, err := l.Bus.Request(ctx, l.changed(msg), opts...)
	if err == nil && l.reply != nil {
		l.reply(reply)
	}
	var e *transport.Error
	if l.failure != nil && errors.As(err, &e) {
		l.failure(e)
	}
	return reply, err
}

// openCodecs is a Bus that reads whatever content type as if it were JSON.
type openCodecs struct {
	contract.Bus
	registry *codecs.Registry
}

func (o openCodecs) Codecs(to string) (codecs.Codec, *codecs.Registry) {
	c, _ := o.Bus.Codecs(to)
	return c, o.registry
}

// csv claims a content type that the suite takes for unknown.
type csv struct{ codecs.Codec }

func (csv) Name() string        { return "csv" }
func (csv) ContentType() string { return "text/csv" }

func lossy(l lossyBus) func(contract.Bus) contract.Bus {
	return func(bus contract.Bus) contract.Bus {
		l.Bus = bus
		return l
	}
}

// Every case finds the fault that breaks its rule, and names it.
func TestSeededFaultsAreCaught(t *testing.T) {
	json := jsoncodec.New()
	withCSV, err := codecs.NewRegistry(json, csv{json})
	if err != nil {
		t.Fatal(err)
	}
	lenient := func(c codecs.Codec, src []byte, v any) error {
		_ = c.Decode(src, v)
		return nil
	}
	faults := map[string]struct {
		codec codecs.Codec
		bus   func(contract.Bus) contract.Bus
		want  string // cases that must fail
	}{
		"the content type is lost":        {bus: lossy(lossyBus{outbound: func(m *transport.Message) { m.ContentType = "" }}), want: "T032 C107 V001"},
		"accept is lost":                  {bus: lossy(lossyBus{outbound: func(m *transport.Message) { m.Accept = "" }}), want: "C107 V026"},
		"params are lost":                 {bus: lossy(lossyBus{outbound: func(m *transport.Message) { m.Params = nil }}), want: "V005 V006"},
		"the key is lost":                 {bus: lossy(lossyBus{outbound: func(m *transport.Message) { m.Key = "" }}), want: "V004"},
		"the header is lost":              {bus: lossy(lossyBus{outbound: func(m *transport.Message) { m.Header = transport.Header{} }}), want: "V007"},
		"the correlation id is lost":      {bus: lossy(lossyBus{outbound: func(m *transport.Message) { m.CorrelationID = "" }}), want: "V007 V023"},
		"the answer's destination is":     {bus: lossy(lossyBus{outbound: func(m *transport.Message) { m.ReplyTo = "" }}), want: "V023"},
		"a byte is added to requests":     {bus: lossy(lossyBus{outbound: func(m *transport.Message) { m.Body = append(m.Body[:len(m.Body):len(m.Body)], '}') }}), want: "C108 C109 C110 V003 V020"},
		"replies lose their content type": {bus: lossy(lossyBus{reply: func(m *transport.Message) { m.ContentType = "" }}), want: "C107"},
		"details are lost":                {bus: lossy(lossyBus{failure: func(e *transport.Error) { e.Details = nil }}), want: "V001 V010 V011"},
		"texts of failures are lost":      {bus: lossy(lossyBus{failure: func(e *transport.Error) { e.Message = "" }}), want: "T032 V010"},
		"codes are lost":                  {bus: lossy(lossyBus{failure: func(e *transport.Error) { e.Code = transport.CodeUnknown }}), want: "T032 T044 V010 V011 V012 V025"},
		"headers of replies are lost":     {bus: lossy(lossyBus{reply: func(m *transport.Message) { m.Header = transport.Header{} }}), want: "V026"},
		"replies are lost":                {bus: lossy(lossyBus{reply: func(m *transport.Message) { m.Body = nil }}), want: "T165 C108 V024"},
		"unknown formats are guessed at":  {bus: func(bus contract.Bus) contract.Bus { return openCodecs{bus, withCSV} }, want: "T032"},
		"what is garbage is read":         {codec: faultyCodec{Codec: json, decode: lenient}, want: "T043 T044 V020 V021"},
		"a bug of the codec is hidden": {codec: faultyCodec{Codec: json, decode: func(c codecs.Codec, src []byte, v any) (err error) {
			reflect.ValueOf(v).Elem().SetZero()
			return nil
		}}, want: "T043 T044 C107 C108"},
		"answers come twice": {codec: faultyCodec{Codec: json, append: func(c codecs.Codec, dst []byte, v any) ([]byte, error) {
			once, err := c.Append(dst, v)
			if err != nil {
				return dst, err
			}
			return c.Append(once, v)
		}}, want: "C107 C108 V021 V022"},
		"types are not checked": {codec: unchecked{json}, want: "V002"},
		"invalid text is written": {codec: faultyCodec{Codec: json, append: func(c codecs.Codec, dst []byte, v any) ([]byte, error) {
			out, err := c.Append(dst, v)
			if err != nil {
				return append(dst, `{"id":"?"}`...), nil
			}
			return out, nil
		}}, want: "V012"},
		"values lose their sign": {codec: faultyCodec{Codec: json, append: func(c codecs.Codec, dst []byte, v any) ([]byte, error) {
			out, err := c.Append(nil, v)
			return append(dst, strings.ReplaceAll(string(out), "-", "")...), err
		}}, want: "C108 C109 C110"},
	}
	proven := map[string]bool{}
	for name, fault := range faults {
		for _, id := range strings.Fields(fault.want) {
			proven[id] = true
		}
		t.Run(name, func(t *testing.T) {
			suite := contracttest.Suite{Codec: fault.codec, Bus: func(conn transporttest.Conn, codec codecs.Codec, more ...codecs.Codec) (contract.Bus, error) {
				bus, err := contract.Use(conn, codec, more...)
				if err == nil && fault.bus != nil {
					bus = fault.bus(bus)
				}
				return bus, err
			}}
			if suite.Codec == nil {
				suite.Codec = json
			}
			h := harness()
			h.Tick = 5 * time.Millisecond // what is lost is waited for
			run := regexp.MustCompile("^(" + strings.ReplaceAll(fault.want, " ", "|") + ")$")
			report := transporttest.Execute(t.Context(), h, transporttest.Options{Cases: suite.Cases(), Run: run})
			var caught []string
			for _, r := range report.Results {
				if r.Status == transporttest.Failed {
					caught = append(caught, r.ID)
				}
			}
			want := strings.Fields(fault.want)
			slices.Sort(want)
			if !slices.Equal(caught, want) {
				t.Errorf("got %v caught, want %v", caught, want)
			}
		})
	}
	for _, c := range (contracttest.Suite{Codec: json}).Cases() {
		if !proven[c.ID] {
			t.Errorf("no fault shows that %s can fail", c.ID)
		}
	}
}

// unchecked has no opinion on types, and says that it has.
type unchecked struct{ codecs.Codec }

func (unchecked) CheckType(reflect.Type) error { return nil }

func ExampleSuite() {
	// A report in place of a test; a program may write it as text, JSON or JUnit.
	reg := transport.NewRegistry(inproc.Factory())
	suite := contracttest.Suite{Codec: jsoncodec.New()}
	report := transporttest.Execute(context.Background(), transporttest.FromURL(reg, "inproc://", "inproc://"), transporttest.Options{
		Cases: suite.Cases(), Run: regexp.MustCompile("^T0"),
	})
	for _, r := range report.Results {
		fmt.Println(r.ID, r.Status)
	}
	if !report.OK() {
		_ = report.WriteText(os.Stdout)
	}
	// Output:
	// T032 pass
	// T043 pass
	// T044 pass
}
