// Package rawtypes has three workloads of codectest as the libraries want them that they
// are compared with: each with its own tags, and what a library needs beside them.
package rawtypes

import (
	"encoding/base64"
	"encoding/xml"
	"slices"
	"time"
)

//msgp:newtime

//go:generate msgp -file types.go -o types_msgp.go -io=false -tests=false

// An Order is the workload "order" for all libraries.
type Order struct {
	ID       string  `json:"id" xml:"id" avro:"id" msgpack:"id" msg:"id"`
	Customer string  `json:"customer" xml:"customer" avro:"customer" msgpack:"customer" msg:"customer"`
	Status   string  `json:"status" xml:"status" avro:"status" msgpack:"status" msg:"status"`
	Quantity int32   `json:"quantity" xml:"quantity" avro:"quantity" msgpack:"quantity" msg:"quantity"`
	Price    float64 `json:"price" xml:"price" avro:"price" msgpack:"price" msg:"price"`
	Total    int64   `json:"total" xml:"total" avro:"total" msgpack:"total" msg:"total"`
	Paid     bool    `json:"paid" xml:"paid" avro:"paid" msgpack:"paid" msg:"paid"`
	Created  int64   `json:"created" xml:"created" avro:"created" msgpack:"created" msg:"created"`
	Note     string  `json:"note" xml:"note" avro:"note" msgpack:"note" msg:"note"`
}

// A List is the workload "list" for all libraries.
type List struct {
	Orders []Order `json:"orders" xml:"orders" avro:"orders" msgpack:"orders" msg:"orders"`
}

// A Document is the workload "document" for JSON and MessagePack.
type Document struct {
	Head    Order             `json:"head" msgpack:"head" msg:"head"`
	Lines   []Order           `json:"lines" msgpack:"lines" msg:"lines"`
	Labels  map[string]string `json:"labels" msgpack:"labels" msg:"labels"`
	At      time.Time         `json:"at" msgpack:"at" msg:"at"`
	Seal    []byte            `json:"seal" msgpack:"seal" msg:"seal"`
	Parent  *Order            `json:"parent,omitempty" msgpack:"parent,omitempty" msg:"parent,omitempty"`
	Weights []float64         `json:"weights" msgpack:"weights" msg:"weights"`
}

// An AvroDocument has its time as a record, which loses nothing.
//
//msgp:ignore AvroDocument Instant XMLDocument Labels label Sealed
type AvroDocument struct {
	Head    Order             `json:"head" avro:"head"`
	Lines   []Order           `json:"lines" avro:"lines"`
	Labels  map[string]string `json:"labels" avro:"labels"`
	Time    time.Time         `json:"at" avro:"-"` // where JSON puts it, and nobody else
	At      Instant           `json:"-" avro:"at"`
	Seal    []byte            `json:"seal" avro:"seal"`
	Parent  *Order            `json:"parent" avro:"parent"`
	Weights []float64         `json:"weights" avro:"weights"`
}

// An Instant is a time in Avro.
type Instant struct {
	Seconds int64 `avro:"seconds"`
	Nanos   int32 `avro:"nanos"`
}

// An XMLDocument has a map and bytes as encoding/xml can be taught to carry them.
type XMLDocument struct {
	Head    Order     `json:"head" xml:"head"`
	Lines   []Order   `json:"lines" xml:"lines"`
	Labels  Labels    `json:"labels" xml:"labels"`
	At      time.Time `json:"at" xml:"at"`
	Seal    Sealed    `json:"seal" xml:"seal"`
	Parent  *Order    `json:"parent" xml:"parent"`
	Weights []float64 `json:"weights" xml:"weights"`
}

// Sealed are bytes as base64, since encoding/xml writes them as they are.
type Sealed []byte

// MarshalText writes base64.
func (s Sealed) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, s), nil
}

// UnmarshalText reads base64.
func (s *Sealed) UnmarshalText(text []byte) (err error) {
	*s, err = base64.StdEncoding.AppendDecode(nil, text)
	return err
}

// Labels are a map as a list of entries, since encoding/xml refuses maps.
type Labels map[string]string

type label struct {
	Key   string `xml:"key,attr"`
	Value string `xml:",chardata"`
}

// MarshalXML writes an element for each entry, in the order of keys.
func (l Labels) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	keys := make([]string, 0, len(l))
	for key := range l {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if err := e.EncodeElement(label{key, l[key]}, xml.StartElement{Name: xml.Name{Local: "label"}}); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

// UnmarshalXML reads what MarshalXML writes.
func (l *Labels) UnmarshalXML(d *xml.Decoder, _ xml.StartElement) error {
	*l = Labels{}
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			var one label
			if err := d.DecodeElement(&one, &token); err != nil {
				return err
			}
			(*l)[one.Key] = one.Value
		case xml.EndElement:
			return nil
		}
	}
}
