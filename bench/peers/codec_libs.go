package main

import (
	"bytes"
	stdjson "encoding/json"
	"encoding/xml"

	"github.com/bytedance/sonic"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	goccy "github.com/goccy/go-json"
	"github.com/tinylib/msgp/msgp"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/polywire/polywire/bench/peers/rawtypes"
)

// Names of libraries that goals are about.
const (
	jsonV2Name    = "json-v2"
	stdXMLName    = "encoding-xml"
	hambaName     = "hamba"
	protoGoName   = "protobuf-go"
	vmihailencoID = "vmihailenco"
)

// codecFormats are all that is compared. Goals are those of docs/benchmarks.md.
func codecFormats() []format {
	return []format{
		{"json", jsonPeers(), goalOf(jsonV2Name, 1.05, 1.05)},
		{"xml", []codecPeer{library[rawtypes.XMLDocument](stdXMLName, "one Encoder; Unmarshal; a map and bytes by methods of the types", openXML)}, goalOf(stdXMLName, 0.5, 0.77)},
		{"avro", avroPeers(), goalOf(hambaName, 1.05, 1.5)},
		{"protobuf", protobufPeers(), goalOf(protoGoName, 1.2, 1.2)},
		{"msgpack", msgpackPeers(), goalOf(vmihailencoID, 1.15, 1.15)},
	}
}

// goalOf limits ours ÷ the peer's.
func goalOf(peer string, encode, decode float64) func(op string) []goal {
	return func(op string) []goal {
		if op == "encode" {
			return []goal{{ratio, peer, encode}}
		}
		return []goal{{ratio, peer, decode}}
	}
}

// appender is a writer whose buffer is used again.
type appender struct{ buf []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.buf = append(a.buf, p...)
	return len(p), nil
}

func jsonPeers() []codecPeer {
	return []codecPeer{
		library[rawtypes.Document](jsonV2Name, "the engine of ours: MarshalWrite to a buffer used again, Unmarshal; sorted keys, duplicates and invalid UTF-8 refused", openJSONv2),
		library[rawtypes.Document]("encoding-json", "one Encoder, Unmarshal; sorted keys; invalid UTF-8 replaced, duplicates taken", openStdJSON),
		library[rawtypes.Document]("sonic", "ConfigStd, which copies strings and sorts keys; machine code made at run time on amd64", openSonic),
		library[rawtypes.Document]("goccy", "Marshal, Unmarshal; sorted keys", openGoccy),
	}
}

func openJSONv2(string) (functions, error) {
	out, options := new(appender), json.JoinOptions(json.Deterministic(true), jsontext.AllowDuplicateNames(false))
	return functions{
		func(v any) ([]byte, error) {
			out.buf = out.buf[:0]
			err := json.MarshalWrite(out, v, options)
			return out.buf, err
		},
		func(body []byte, v any) error { return json.Unmarshal(body, v, options) },
	}, nil
}

func openStdJSON(string) (functions, error) {
	out := new(bytes.Buffer)
	e := stdjson.NewEncoder(out)
	e.SetEscapeHTML(false)
	return functions{
		func(v any) ([]byte, error) {
			out.Reset()
			err := e.Encode(v)
			return out.Bytes(), err
		},
		stdjson.Unmarshal,
	}, nil
}

func openSonic(string) (functions, error) {
	return functions{sonic.ConfigStd.Marshal, sonic.ConfigStd.Unmarshal}, nil
}

func openGoccy(string) (functions, error) {
	return functions{
		func(v any) ([]byte, error) { return goccy.MarshalWithOption(v, goccy.DisableHTMLEscape()) },
		func(body []byte, v any) error { return goccy.Unmarshal(body, v) },
	}, nil
}

func openXML(string) (functions, error) {
	out := new(bytes.Buffer)
	e := xml.NewEncoder(out)
	return functions{
		func(v any) ([]byte, error) {
			out.Reset()
			err := e.Encode(v)
			return out.Bytes(), err
		},
		xml.Unmarshal,
	}, nil
}

func msgpackPeers() []codecPeer {
	return []codecPeer{
		library[rawtypes.Document](vmihailencoID, "the engine of ours: one Encoder and Decoder, compact integers, sorted keys; no check of its input", openVmihailenco),
		library[rawtypes.Document]("msgp", "code generated for the types; MarshalMsg to a buffer used again; keys as they come", openMsgp),
	}
}

func openVmihailenco(string) (functions, error) {
	var out bytes.Buffer
	var in bytes.Reader
	enc, dec := msgpack.NewEncoder(&out), msgpack.NewDecoder(&in)
	return functions{
		func(v any) ([]byte, error) {
			out.Reset()
			enc.Reset(&out)
			enc.UseCompactInts(true)
			enc.SetSortMapKeys(true)
			err := enc.Encode(v)
			return out.Bytes(), err
		},
		func(body []byte, v any) error {
			in.Reset(body)
			dec.Reset(&in)
			dec.UsePreallocateValues(true)
			return dec.Decode(v)
		},
	}, nil
}

func openMsgp(string) (functions, error) {
	var buf []byte
	return functions{
		func(v any) (_ []byte, err error) {
			buf, err = v.(msgp.Marshaler).MarshalMsg(buf[:0])
			return buf, err
		},
		func(body []byte, v any) error {
			_, err := v.(msgp.Unmarshaler).UnmarshalMsg(body)
			return err
		},
	}, nil
}
