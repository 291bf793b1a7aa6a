package apiproto

import (
	"context"
	"slices"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/polywire/polywire/internal/testpb/accountspb"
	"github.com/polywire/polywire/transport/contract"
)

type order struct {
	ID    string `wire:",1"`
	Lines []line `wire:",2"`
}

type unnumbered struct{ ID string }

type line struct {
	SKU string `wire:",1"`
	N   int32  `wire:",2"`
}

func describe(t *testing.T, s *contract.Service) []byte {
	t.Helper()
	reply, err := s.ServeDescription(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return reply.Body
}

func TestServicesHaveTheMethodsThatDestinationsAre(t *testing.T) {
	s := contract.NewService("shop",
		contract.NewMethod[order, order]("acme.v1.Shop.Put"),
		contract.NewMethod[order, contract.None]("acme.v1.Shop.Drop"),
		contract.NewMethod[wrapperspb.StringValue, wrapperspb.StringValue]("acme.v1.Names.Find"),
		contract.NewMethod[order, order]("acme.v1.not-a-name.Put"),
		contract.NewMethod[unnumbered, order]("acme.v1.Shop.Odd"),
		contract.NewTopic[order]("acme.v1.Shop.Sold"),
	)
	api, err := Read(describe(t, s))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"acme.v1.Names", "acme.v1.Shop"}; !slices.Equal(api.Services, want) {
		t.Errorf("services %v, want %v", api.Services, want)
	}
	d, err := api.Files.FindDescriptorByName("acme.v1.Shop")
	if err != nil {
		t.Fatal(err)
	}
	methods := d.(protoreflect.ServiceDescriptor).Methods()
	if methods.Len() != 2 {
		t.Fatalf("%d methods, want Put and Drop", methods.Len())
	}
	put := methods.ByName("Put")
	if f := put.Input().Fields().ByJSONName("Lines"); f == nil || f.Message().Fields().Len() != 2 {
		t.Errorf("the input of Put is %v, want an order with lines", put.Input())
	}
	names, err := api.Files.FindDescriptorByName("acme.v1.Names")
	if err != nil {
		t.Fatal(err)
	}
	if find := names.(protoreflect.ServiceDescriptor).Methods().ByName("Find"); find == nil || find.Input().FullName() != "google.protobuf.StringValue" {
		t.Errorf("Find is %v, want a method that takes a generated message", find)
	}
	if out := methods.ByName("Drop").Output().FullName(); out != "google.protobuf.Empty" {
		t.Errorf("Drop returns %s", out)
	}
}

func TestAServiceThatIsGeneratedBesideItsMessagesIsTheGeneratedOne(t *testing.T) {
	const name = "acme.accounts.v1.Accounts"
	s := contract.NewService("accounts", contract.NewMethod[accountspb.VerifyRequest, accountspb.Account](name+".Verify"))
	api, err := Read(describe(t, s))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{name}; !slices.Equal(api.Services, want) {
		t.Errorf("services %v, want %v", api.Services, want)
	}
	d, err := api.Files.FindDescriptorByName(name)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.ParentFile().Path(); got != accountspb.File_accountspb_accounts_proto.Path() {
		t.Errorf("it is of %s", got)
	}
}

func TestADescriptionThatCannotBeReadIsAnError(t *testing.T) {
	if _, err := Read([]byte(`{"polywire":9}`)); err == nil {
		t.Error("got no error")
	}
}
