package conformance_test

import (
	"context"
	crand "crypto/rand"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	root "github.com/polywire/polywire/codecs"
	codecs "github.com/polywire/polywire/codecs/all"
	"github.com/polywire/polywire/internal/testpb"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// A parcel has a field of each kind that differs between formats.
type parcel struct {
	ID     string            `wire:"id,1"`
	Grams  uint64            `wire:"grams,2"`
	Offset int64             `wire:"offset,3"`
	Ratio  float64           `wire:"ratio,4"`
	Seal   []byte            `wire:"seal,5"`
	Sent   time.Time         `wire:"sent,6"`
	Within time.Duration     `wire:"within,7"`
	Note   *string           `wire:"note,8"`
	Labels map[string]string `wire:"labels,9"`
	Inner  []parcel          `wire:"inner,10"`
}

func aParcel() *parcel {
	note := "Grüße, \x00 & <b>"
	return &parcel{
		ID: "7", Grams: math.MaxUint64, Offset: math.MinInt64, Ratio: math.Inf(-1), Seal: []byte{0, 0xff, '<'},
		Sent: time.Date(2026, 11, 26, 1, 2, 3, 4, time.UTC), Within: -time.Nanosecond, Note: &note,
		Labels: map[string]string{"": "empty", "a.b": "dot"}, Inner: []parcel{{ID: "8"}, {ID: "9", Note: new(string)}},
	}
}

// C108: each format over each wire, as a request with its reply and as a publication. One
// service answers peers of all formats, each in its own.
func TestEachFormatCrossesEachWire(t *testing.T) {
	for _, wire := range sides(t) {
		s := serveParcels(t, wire)
		for _, codec := range codecs.Codecs() {
			t.Run(wire.name+"/"+codec.Name(), func(t *testing.T) { s.cross(t, codec) })
		}
	}
}

// A parcelService is one on the server of a wire, which takes all formats.
type parcelService struct {
	client *transport.Conn
	echo   *contract.Method[parcel, parcel]
	mirror *contract.Method[testpb.Kinds, testpb.Kinds]
	told   *contract.Topic[parcel]
	heard  chan posted // what the subscription got; read by one format after the other
}

type posted struct {
	value       *parcel
	contentType string
}

func serveParcels(t *testing.T, wire side) *parcelService {
	prefix := "parcel." + strings.ToLower(crand.Text()[:8]) + "."
	s := &parcelService{
		client: wire.client, heard: make(chan posted, 1),
		echo:   contract.NewMethod[parcel, parcel](prefix + "echo"),
		mirror: contract.NewMethod[testpb.Kinds, testpb.Kinds](prefix + "mirror"),
		told:   contract.NewTopic[parcel](prefix + "told"),
	}
	known := codecs.Codecs()
	bus, err := contract.Use(wire.server, known[0], known[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = s.echo.Handle(ctx, bus, func(_ context.Context, in *parcel) (*parcel, error) { return in, nil })
	if err == nil {
		_, err = s.mirror.Handle(ctx, bus, func(_ context.Context, in *testpb.Kinds) (*testpb.Kinds, error) { return in, nil })
	}
	if err == nil {
		_, err = s.told.Subscribe(ctx, bus, func(ctx context.Context, in *parcel) error {
			s.heard <- posted{in, transport.Inbound(ctx).ContentType}
			return nil
		})
	}
	if err != nil {
		t.Fatalf("%s: %v", wire.name, err)
	}
	return s
}

func (s *parcelService) cross(t *testing.T, codec root.Codec) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	bus, err := contract.Use(s.client, codec)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := s.echo.On(bus).Request(ctx, aParcel())
	if diff := cmp.Diff(aParcel(), reply); err != nil || diff != "" {
		t.Errorf("request: %v\n%s", err, diff)
	}
	message := new(testpb.Kinds)
	testpb.Fill(rand.New(rand.NewPCG(1, 2)), message, 3)
	back, err := s.mirror.On(bus).Request(ctx, message)
	if err != nil || !proto.Equal(back, message) {
		t.Errorf("generated message: got %v, %v\nwant %v", back, err, message)
	}
	if err := s.told.On(bus).Publish(ctx, aParcel()); err != nil {
		t.Fatal(err)
	}
	got := <-s.heard
	if diff := cmp.Diff(posted{aParcel(), codec.ContentType()}, got, cmp.AllowUnexported(posted{})); diff != "" {
		t.Errorf("publication: %s", diff)
	}
}
