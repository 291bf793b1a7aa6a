package endpoints

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	fileInterval = 2 * time.Second
	maxFile      = 1 << 20
)

// File is the [Resolver] of file:///path: a file of at most 1 MiB with one
// host:port a line, where # begins a comment, or a list in JSON:
//
//	["10.0.0.1:8080", {"address": "10.0.0.2:8080", "name": "orders.svc", "priority": 1, "weight": 3}]
//
// It is read again every Interval, so write it beside and rename it into place.
// The zero value is ready.
type File struct {
	Interval time.Duration // 0 is 2 s
}

// Check asks for a path.
func (f File) Check(target *url.URL) error {
	if target.Host != "" || target.Path == "" || target.Path == "/" || target.RawQuery != "" || target.Fragment != "" {
		return fmt.Errorf("target %.128q needs a whole path and nothing else, as file:///etc/orders.endpoints", target)
	}
	return nil
}

// Resolve reads the file.
func (f File) Resolve(_ context.Context, target *url.URL) (Answer, error) {
	if err := f.Check(target); err != nil {
		return Answer{}, err
	}
	file, err := os.Open(target.Path)
	if err != nil {
		return Answer{}, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		return Answer{}, err
	case len(text) > maxFile:
		return Answer{}, fmt.Errorf("%s has more than %d bytes", target.Path, maxFile)
	}
	a := Answer{TTL: cmp.Or(f.Interval, fileInterval)}
	if text = bytes.TrimSpace(text); bytes.HasPrefix(text, []byte("[")) {
		a.Endpoints, err = readJSON(text)
	} else {
		a.Endpoints = readLines(string(text))
	}
	if err != nil {
		return Answer{}, fmt.Errorf("%s: %w", target.Path, err)
	}
	return a, nil
}

func readLines(text string) (found []Endpoint) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			found = append(found, Endpoint{Address: line})
		}
	}
	return found
}

// An entry is an endpoint as JSON has it: an object, or its address alone.
type entry Endpoint

func (e *entry) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte(`"`)) {
		return json.Unmarshal(text, &e.Address)
	}
	var o struct {
		Address  string `json:"address"`
		Name     string `json:"name"`
		Priority int    `json:"priority"`
		Weight   int    `json:"weight"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return err
	}
	*e = entry(o)
	return nil
}

func readJSON(text []byte) (found []Endpoint, err error) {
	var list []entry
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	for i, e := range list {
		if e.Address == "" {
			return nil, fmt.Errorf("entry %d has no address", i+1)
		}
		found = append(found, Endpoint(e))
	}
	return found, nil
}
