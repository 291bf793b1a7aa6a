package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"text/template"
	"time"

	"github.com/spf13/pflag"

	"github.com/polywire/polywire/transport"
)

// A printer writes inbound messages as the flags say.
type printer struct {
	w      io.Writer
	output string
	format string
	tmpl   *template.Template
}

func (p *printer) flags(f *pflag.FlagSet) {
	f.StringVarP(&p.output, "output", "o", "json", "json: the body; raw: its bytes; ndjson: a line with all fields")
	f.StringVar(&p.format, "format", "", "Go `TEMPLATE` over the fields of a message, as '{{.Destination}} {{.Body}}'")
}

// prepare finds mistakes in the flags before anything is sent.
func (p *printer) prepare(w io.Writer) error {
	p.w = w
	switch p.output {
	case "json", "raw", "ndjson":
	default:
		return usage(fmt.Errorf("-o %s is not known (known: json, raw, ndjson)", p.output))
	}
	if p.format == "" {
		return nil
	}
	var err error
	if p.tmpl, err = template.New("format").Option("missingkey=error").Parse(p.format); err != nil {
		return usage(fmt.Errorf("--format: %w", err))
	}
	return nil
}

// A view is a message for people and scripts.
type view struct {
	ID            string              `json:"id,omitempty"`
	Source        string              `json:"source,omitempty"`
	Destination   string              `json:"destination,omitempty"`
	From          string              `json:"from,omitempty"` // of an answer to a gather
	CorrelationID string              `json:"correlation_id,omitempty"`
	ContentType   string              `json:"content_type,omitempty"`
	Key           string              `json:"key,omitempty"`
	Time          string              `json:"time,omitempty"`
	Attempt       int                 `json:"attempt,omitempty"`
	Header        map[string][]string `json:"header,omitempty"`
	Error         string              `json:"error,omitempty"`
	Code          string              `json:"code,omitempty"`
	Body          any                 `json:"body,omitempty"` // JSON as it is; else base64
}

func newView(m *transport.Message, from string) *view {
	v := &view{
		ID: m.ID, Source: m.Source, Destination: m.Destination, From: from, CorrelationID: m.CorrelationID,
		ContentType: m.ContentType, Key: m.Key, Attempt: m.Attempt,
	}
	if !m.Time.IsZero() {
		v.Time = m.Time.UTC().Format(time.RFC3339Nano)
	}
	for key, value := range m.Header.All() {
		if v.Header == nil {
			v.Header = map[string][]string{}
		}
		v.Header[key] = append(v.Header[key], value)
	}
	switch {
	case len(m.Body) == 0:
	case isJSON(m):
		v.Body = rawJSON(bytes.TrimSpace(m.Body))
	default:
		v.Body = base64.StdEncoding.EncodeToString(m.Body)
	}
	return v
}

// rawJSON prints as itself, in templates too.
type rawJSON []byte

func (r rawJSON) String() string               { return string(r) }
func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

func isJSON(m *transport.Message) bool {
	return mediaType(m.ContentType) == jsonType && json.Valid(m.Body)
}

// mediaType is a content type without parameters, or "".
func mediaType(contentType string) string {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return media
}

// print prints m, which from gave.
func (p *printer) print(m *transport.Message, from string) error {
	var err error
	switch {
	case p.tmpl != nil:
		if err = p.tmpl.Execute(p.w, newView(m, from)); err == nil {
			_, err = fmt.Fprintln(p.w)
		}
	case p.output == "ndjson":
		err = p.line(newView(m, from))
	case p.output == "raw":
		_, err = p.w.Write(m.Body)
	case len(m.Body) == 0:
	case isJSON(m):
		_, err = fmt.Fprintf(p.w, "%s\n", bytes.TrimSpace(m.Body))
	default:
		return codecError(fmt.Errorf("the body of %d bytes is %q and no JSON: use -o raw or -o ndjson", len(m.Body), m.ContentType))
	}
	return err
}

// failure prints an answer that is an error, where others may follow.
func (p *printer) failure(err *transport.Error, from string) error {
	return p.line(&view{From: from, Code: err.Code.String(), Error: err.Message})
}

func (p *printer) line(v *view) error {
	e := json.NewEncoder(p.w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
