package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/polywire/polywire/codecs/schema"
	"github.com/polywire/polywire/internal/protofiles"
	"github.com/polywire/polywire/transport"
)

// A Description tells programs without the Go types what a service offers. As
// a document it is JSON, the same bytes for the same API.
type Description struct {
	Version    int          `json:"polywire"` // of the document's form: 1
	Service    string       `json:"service"`
	Operations []Operation  `json:"operations"`      // in the order of declaration
	Types      schema.Types `json:"types,omitempty"` // structs and messages, by the names that Shape.Type refers to

	// Files describe the generated messages among the types: a google.protobuf.FileDescriptorSet.
	// The Type of such a type is the full name of its message.
	Files []byte `json:"files,omitempty"`
}

// An Operation describes one endpoint.
type Operation struct {
	Destination string                    `json:"destination"`
	Style       string                    `json:"style"`                  // "method", "queue", "topic" or "survey"
	Needs       []string                  `json:"needs"`                  // features that a transport must declare, by the names of transport.Features
	Request     *Shape                    `json:"request,omitempty"`      // nil for None
	Reply       *Shape                    `json:"reply,omitempty"`        // nil for None, and for styles without
	Failures    map[string]transport.Code `json:"failures,omitempty"`     // by type
	Idempotent  bool                      `json:"idempotent,omitempty"`   // handling a message twice does no harm
	Keyed       bool                      `json:"keyed,omitempty"`        // messages have keys, so order matters where Features.OrderedByKey
	Params      []Shape                   `json:"params,omitempty"`       // with their names
	HTTP        string                    `json:"http,omitempty"`         // verb and path on REST, as "GET /orders/{id}?expand"
	ReplyHeader []string                  `json:"reply_header,omitempty"` // keys of fields that replies may have
}

// A Shape describes a type, a field or a param; package schema says how.
type Shape = schema.Type

// descriptionVersion is the form of document that this package reads and writes.
const descriptionVersion = 1

// JSON writes the document.
func (d *Description) JSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err := e.Encode(d)
	return b.Bytes(), err
}

// Operation returns the operation of a destination, or nil.
func (d *Description) Operation(destination string) *Operation {
	for i := range d.Operations {
		if d.Operations[i].Destination == destination {
			return &d.Operations[i]
		}
	}
	return nil
}

// maxDescription bounds a document that comes from elsewhere.
const maxDescription = 4 << 20

// ParseDescription reads a document as JSON wrote it, also one of a stranger:
// what it returns is whole, with every reference resolved and every name valid.
func ParseDescription(document []byte) (*Description, error) {
	if len(document) > maxDescription {
		return nil, fmt.Errorf("contract: description of %d bytes: at most %d", len(document), maxDescription)
	}
	var d Description
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, fmt.Errorf("contract: this is no description: %w; write one with Service.Describe", err)
	}
	if d.Version != descriptionVersion {
		return nil, fmt.Errorf("contract: description of version %d: this program reads version %d", d.Version, descriptionVersion)
	}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("contract: description of service %.64q: %w", d.Service, err)
	}
	return &d, nil
}

func (d *Description) check() error {
	if err := d.Types.Check(); err != nil {
		return err
	}
	if _, err := protofiles.Parse(d.Files); err != nil {
		return fmt.Errorf("files: %w", err)
	}
	seen := make(map[string]bool)
	for i := range d.Operations {
		o := &d.Operations[i]
		if err := d.checkOperation(o); err != nil {
			return fmt.Errorf("operation %.64q: %w", o.Destination, err)
		}
		if seen[o.Destination] {
			return fmt.Errorf("operation %.64q stands there twice", o.Destination)
		}
		seen[o.Destination] = true
	}
	return d.checkHTTP()
}

func (d *Description) checkOperation(o *Operation) error {
	if err := transport.CheckDestination(o.Destination); err != nil {
		return errors.New(message(err))
	}
	if needs(o.Style) == nil {
		return fmt.Errorf("style %.32q: want method, queue, topic or survey", o.Style)
	}
	for _, s := range []*Shape{o.Request, o.Reply} {
		if s == nil {
			continue
		}
		if err := d.Types.CheckType(s); err != nil {
			return err
		}
	}
	for name := range o.Failures {
		if d.Types[name] == nil {
			return fmt.Errorf("failure %.64q is not among the types", name)
		}
	}
	return d.Types.CheckFields(o.Params)
}
