package all_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/polywire/polywire/adapters/all"
	"github.com/polywire/polywire/transport"
)

// What every adapter of a kind has to do.
const (
	styles     = "Send Request Publish Gather Groups Wildcards "
	direct     = styles + "OrderedByKey DetectsNoHandler DetectsNoHandlerOnRequest CountsResponders CancelsRemotely RelativeExpiry "
	stored     = styles + "Redelivers Durable "
	protection = "TLS Authentication "
)

// required is what the Factories have to declare. Who takes something off it writes down why, in docs/adr.
var required = []struct {
	adapter    string
	url        string
	features   string
	acceptance transport.Acceptance
}{
	{adapter: "inproc", url: "inproc://", features: direct, acceptance: transport.Queued},
	{adapter: "http", url: "http://localhost:8080", features: direct + protection, acceptance: transport.Queued},
	{adapter: "grpc", url: "grpc://localhost:9090", features: direct + protection, acceptance: transport.Queued},
	{adapter: "amqp", url: "amqp://localhost", features: stored + protection + "DetectsNoHandlerOnRequest RelativeExpiry", acceptance: transport.Stored},
	{adapter: "amqp", url: "amqp://localhost?single=1", features: stored + protection + "DetectsNoHandlerOnRequest RelativeExpiry OrderedByKey", acceptance: transport.Stored},
	{adapter: "kafka", url: "kafka://localhost", features: stored + protection + "OrderedByKey", acceptance: transport.Stored},
}

func TestAdaptersDeclareWhatIsRequiredOfThem(t *testing.T) {
	reg := all.Registry()
	for _, r := range required {
		declared, err := reg.Features(r.url)
		if err != nil {
			t.Errorf("%s: %v", r.url, err)
			continue
		}
		if declared.Adapter != r.adapter || declared.Acceptance < r.acceptance {
			t.Errorf("%s is %s with acceptance %s; want %s, %s at least", r.url, declared.Adapter, declared.Acceptance, r.adapter, r.acceptance)
		}
		for _, feature := range strings.Fields(r.features) {
			if !declared.Has(feature) {
				t.Errorf("%s does not declare Features.%s, which is required: lowering it takes a decision in docs/adr", r.url, feature)
			}
		}
	}
}

func TestEveryAdapterHasRequirements(t *testing.T) {
	for _, f := range all.Factories() {
		known := false
		for _, r := range required {
			known = known || r.adapter == f.Name
		}
		if !known {
			t.Errorf("nothing is required of %s: give it a row", f.Name)
		}
	}
}

func TestRequirementsNameFeaturesThatThereAre(t *testing.T) {
	names := transport.Features{}.Names()
	for _, r := range required {
		for _, feature := range strings.Fields(r.features) {
			if !slices.Contains(names, feature) {
				t.Errorf("%s requires %s, which is no feature (%s)", r.url, feature, strings.Join(names, " "))
			}
		}
	}
}
