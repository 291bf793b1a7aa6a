package grpcpeers

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/fullstorydev/grpcurl"
	"github.com/jhump/protoreflect/grpcreflect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/polywire/polywire/adapters/grpcwire"
	"github.com/polywire/polywire/internal/testpb/accountspb"
)

// TestGrpcurlFindsItsWayByReflection uses all of grpcurl but its flags: it lists, describes and
// calls what a node offers, and knows no .proto.
func TestGrpcurlFindsItsWayByReflection(t *testing.T) {
	version, err := exec.CommandContext(t.Context(), "go", "list", "-m", "github.com/fullstorydev/grpcurl").Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", bytes.TrimSpace(version))
	node := open(t, "grpc://?listen=127.0.0.1:0", grpcwire.Factory())
	impl := &accounts{left: make(chan struct{}, 1)}
	serve(t, node, func(s grpc.ServiceRegistrar) { accountspb.RegisterAccountsServer(s, impl) })
	cc, err := grpc.NewClient(node.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer cc.Close()
	reflection := grpcreflect.NewClientAuto(t.Context(), cc)
	defer reflection.Reset()
	source := grpcurl.DescriptorSourceFromServer(t.Context(), reflection)

	services, err := grpcurl.ListServices(source)
	if err != nil || !slices.Contains(services, "acme.accounts.v1.Accounts") || !slices.Contains(services, "polywire.v1.Bus") {
		t.Errorf("list: got %q, %v", services, err)
	}
	methods, err := grpcurl.ListMethods(source, "acme.accounts.v1.Accounts")
	if err != nil || !slices.Contains(methods, "acme.accounts.v1.Accounts.Verify") {
		t.Errorf("list methods: got %q, %v", methods, err)
	}
	symbol, err := source.FindSymbol("acme.accounts.v1.VerifyRequest")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := grpcurl.GetDescriptorText(symbol, source); err != nil || !strings.Contains(text, "bytes payload = 2;") {
		t.Errorf("describe: got %q, %v", text, err)
	}

	for body, want := range map[string]string{
		`{"id":"7","payload":"AP8="}`:    `"payload": "AP8="`,
		`{"code":5,"message":"no such"}`: "",
	} {
		parser, formatter, err := grpcurl.RequestParserAndFormatter(grpcurl.FormatJSON, source, strings.NewReader(body), grpcurl.FormatOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		h := &grpcurl.DefaultEventHandler{Out: &out, Formatter: formatter}
		err = grpcurl.InvokeRPC(t.Context(), source, cc, "acme.accounts.v1.Accounts/Verify", []string{"x-name: Ada"}, h, parser.Next)
		switch {
		case err != nil:
			t.Errorf("%s: %v", body, err)
		case want == "" && (h.Status.Code() != codes.NotFound || len(h.Status.Details()) != 1):
			t.Errorf("%s: got %v, want NotFound with a detail", body, h.Status)
		case want != "" && !(strings.Contains(out.String(), want) && strings.Contains(out.String(), `"name": "Ada"`)):
			t.Errorf("%s: got %s", body, out.String())
		}
	}
}
