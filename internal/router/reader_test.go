package router

import (
	"context"
	"slices"
	"strconv"
	"testing"

	"github.com/polywire/polywire/transport"
)

// A reading sink has room for some messages, and gets the others as deliveries.
type reading struct {
	keeper
	room int
	read []string // bodies, in order, of what came either way
	text []string // what readers made of them
}

func (r *reading) Read(p *Post) bool {
	if r.room == 0 {
		return false
	}
	r.room--
	if len(p.Text) == 0 {
		p.Text = append(append(p.Text, "by "...), strconv.Itoa(r.room)...)
	}
	r.read = append(r.read, string(p.Envelope.Body))
	r.text = append(r.text, string(p.Text))
	return true
}

func (r *reading) Deliver(d transport.Delivery) {
	r.read = append(r.read, string(d.Envelope().Body))
	r.keeper.Deliver(d)
}

func bindReader(t testing.TB, r *Router, group string, s transport.Sink) {
	t.Helper()
	b, err := r.Bind(context.Background(), transport.Binding{Kind: transport.KindTopic, Pattern: "news.*", Group: group, Credit: 2}, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Unbind(context.Background()) })
}

func TestReadersShareATextAndSettleNothing(t *testing.T) {
	r := New(Options{})
	a, b, member, plain := &reading{room: 9}, &reading{room: 5}, &reading{room: 9}, &keeper{on: accept}
	bindReader(t, r, "", plain)
	bindReader(t, r, "", a)
	bindReader(t, r, "", b)
	bindReader(t, r, "g", member)
	for _, body := range []string{"1", "2"} {
		if err := r.Publish(t.Context(), mail("news.local", body)); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"1", "2"}
	for name, got := range map[string][]string{"a": a.read, "b": b.read, "member": member.read, "plain": plain.bodies()} {
		if !slices.Equal(got, want) {
			t.Errorf("%s got %q, want %q", name, got, want)
		}
	}
	if !slices.Equal(a.text, []string{"by 8", "by 7"}) || !slices.Equal(b.text, a.text) || len(a.all())+len(b.all()) > 0 || member.len() != 2 {
		t.Errorf("texts %q and %q, deliveries to readers %d, to the member of a group %d: want the first one's texts, none, and 2",
			a.text, b.text, len(a.all())+len(b.all()), member.len())
	}
}

func TestAReaderWithoutRoomGetsDeliveriesInOrder(t *testing.T) {
	r := New(Options{})
	a := &reading{room: 1}
	bindReader(t, r, "", a)
	publish := func(body string) {
		t.Helper()
		if err := r.Publish(t.Context(), mail("news.local", body)); err != nil {
			t.Fatal(err)
		}
	}
	for _, body := range []string{"1", "2", "3", "4"} { // read, twice delivered, waits for credit
		publish(body)
	}
	a.room = 2
	publish("5") // behind what waits
	for i := 0; i < a.len(); i++ {
		accept(a.all()[i])
	}
	publish("6")
	if want := []string{"1", "2", "3", "4", "5", "6"}; !slices.Equal(a.read, want) || a.len() != 4 {
		t.Errorf("got %q, %d of them delivered, want %q and 4", a.read, a.len(), want)
	}
}

func TestAGatherIsDeliveredToAReader(t *testing.T) {
	r := New(Options{})
	a := &reading{room: 9}
	bindReader(t, r, "", a)
	if err := r.Gather(t.Context(), mail("news.local", "who"), func(*transport.Envelope) {}); err != nil {
		t.Fatal(err)
	}
	if a.len() != 1 || a.room != 9 {
		t.Errorf("%d deliveries, %d read, want 1 and none", a.len(), 9-a.room)
	}
}

// A counting reader keeps nothing.
type counting struct{ n int }

func (c *counting) Read(p *Post) bool {
	c.n++
	p.Text = append(p.Text[:0], p.Envelope.Body...)
	return true
}
func (c *counting) Deliver(transport.Delivery) { panic("delivered") }
func (c *counting) Lost(error)                 {}

func TestAPublishToReadersAllocatesNothing(t *testing.T) {
	r := New(Options{})
	var all [3]counting
	for i := range all {
		bindReader(t, r, "", &all[i])
	}
	e := mail("news.local", "hello")
	got := testing.AllocsPerRun(100, func() { _ = r.Publish(context.Background(), e) })
	if got > 0.5 || all[2].n < 100 { // a collection in between takes what is kept for the next
		t.Errorf("%v allocations, %d read, want none and all", got, all[2].n)
	}
}
