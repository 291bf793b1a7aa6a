package config_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/adapters/kafkawire"
	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/config"
	"github.com/polywire/polywire/transport/contract"
)

// known is what the program of the examples can do; adapters/all and codecs/all have everything.
func known() config.Options {
	formats, err := codecs.NewRegistry(jsoncodec.New())
	if err != nil {
		fmt.Println(err)
	}
	return config.Options{Registry: transport.NewRegistry(inproc.Factory(), kafkawire.Factory()), Codecs: formats}
}

// The API of a shop.
type Order struct {
	Item string `json:"item"`
}

type Price struct {
	Cents int `json:"cents"`
}

var (
	Quote   = contract.NewMethod[Order, Price]("shop.quote")
	Ordered = contract.NewTopic[Order]("shop.ordered")
	Shop    = contract.NewService("shop", Quote, Ordered)
)

const shopFile = `version: 1
transports:
  memory: {url: "inproc://", codec: json}
  log: {url: "kafka://${KAFKA:-localhost:9092}", codec: json}
defaults: {transport: log, timeout: 5s}
routes:
  shop.quote: {transport: memory}
profiles:
  test: {defaults: {transport: memory}}
`

func ExampleLoad() {
	folder, err := os.MkdirTemp("", "shop")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "shop.yaml")
	if err := os.WriteFile(file, []byte(shopFile), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	c, err := config.Load(file, known())
	if err != nil {
		fmt.Println(err) // every mistake, with line and column
		return
	}
	for _, destination := range []string{"shop.quote", "shop.ordered"} {
		r := c.Route(destination)
		fmt.Println(destination, "goes over", r.Adapter, "within", r.Timeout)
	}
	// Output:
	// shop.quote goes over inproc within 5s
	// shop.ordered goes over kafka within 5s
}

// All mistakes are told at once, with what to write instead.
func ExampleParse() {
	_, err := config.Parse("shop.yaml", []byte(`version: 1
transports:
  memory: {url: "inprok://", codec: jsn}
defaults: {transprt: memory}
`), known())
	fmt.Println(err)
	// Output:
	// shop.yaml:3:17: transports.memory.url: unknown scheme "inprok" (known: inproc, kafka, kafkas); did you mean "inproc"?
	// shop.yaml:3:37: transports.memory.codec: unknown codec "jsn" (known: json); did you mean "json"?
	// shop.yaml:4:12: defaults: unknown key "transprt" (known: codec, timeout, transport); did you mean "transport"?
}

// A Bus routes every destination to its transport; contracts and messages use it alike.
func ExampleConfig_Open() {
	ctx := context.Background()
	o := known()
	o.Profile = "test"
	c, err := config.Parse("shop.yaml", []byte(shopFile), o)
	if err != nil {
		fmt.Println(err)
		return
	}
	bus, err := c.Open(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer bus.Close()
	_, err = Quote.Handle(ctx, bus, func(_ context.Context, in *Order) (*Price, error) {
		return &Price{Cents: 100 * len(in.Item)}, nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	price, err := Quote.On(bus).Request(ctx, &Order{Item: "book"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(price.Cents)
	// Output: 400
}

// What the contracts need is compared with what the file gives before anything connects.
func ExampleConfig_Check() {
	c, err := config.Parse("shop.yaml", []byte(`version: 1
transports:
  memory: {url: "inproc://"}
`), known())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Check(Shop))
	// Output:
	// shop.yaml:1:1: defaults: no codec for shop.quote: name one here, for transport "memory", or in the defaults
	// shop.yaml:1:1: defaults: no codec for shop.ordered: name one here, for transport "memory", or in the defaults
}

// What a change of the file keeps, weakens and gains.
func ExampleExplain() {
	var files [2]*config.Config
	for i, profile := range []string{"test", ""} {
		o := known()
		o.Profile = profile
		c, err := config.Parse("shop.yaml", []byte(shopFile), o)
		if err != nil {
			fmt.Println(err)
			return
		}
		files[i] = c
	}
	shop, err := Shop.Describe()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(config.Explain(files[0], files[1], shop))
	// Output:
	// shop.yaml → shop.yaml
	//
	// shop.ordered (topic)
	//   inproc (transport "memory") → kafka (transport "log")
	//   weakens  RelativeExpiry: deadlines travel as dates, so the machines' clocks must agree
	//   weakens  MaxBody: bodies are bounded by 8388608 bytes, where it was the library's limit
	//   gains    Redelivers: what a dying consumer had not settled is delivered again
	//   gains    Durable: what is accepted survives a restart of the system
	//   gains    TLS: the wire can be encrypted
	//   gains    Authentication: peers can prove who they are
	//   gains    Acceptance: nil from Send and Publish means stored by the broker, where it meant queued at the destination's home
	//   differs  InProcess: messages leave the process: calls can meet a lost connection
	//   keeps    Publish Groups Wildcards OrderedByKey
	//
	// nothing changes for: shop.quote (method)
}
