package openapi

import (
	"context"
	"crypto/sha256"
	_ "embed" // of the page's parts
	"encoding/base64"
	"strings"

	"github.com/polywire/polywire/internal/rest"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// Page is an HTML page that reads openapi.json, which lies beside it, and lets its
// visitor call each operation. It loads nothing from anywhere else, and its policy lets no other
// script run.
func Page() []byte {
	return []byte(strings.NewReplacer(
		"sha256-STYLE", hash(pageCSS), "sha256-SCRIPT", hash(pageJS), "STYLETEXT", pageCSS, "SCRIPTTEXT", pageJS,
	).Replace(pageHTML))
}

// hash is how a policy names a text.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Serve answers with the document and the page of services. Where the wire is HTTP, a
// node gives them at GET /openapi.json and GET /try; elsewhere they are the destinations
// polywire.openapi and polywire.try. It fails when a description is wrong; on ends both.
func Serve(ctx context.Context, on transport.Receiver, services ...*contract.Service) error {
	descriptions := make([]*contract.Description, len(services))
	for i, s := range services {
		var err error
		if descriptions[i], err = s.Describe(); err != nil {
			return err
		}
	}
	document, err := Document(descriptions...)
	if err != nil {
		return transport.CodeInvalidArgument.Errorf("%w", err)
	}
	if _, err := on.Handle(ctx, rest.OpenAPI, answer("application/json", document)); err != nil {
		return err
	}
	_, err = on.Handle(ctx, rest.TryIt, answer("text/html; charset=utf-8", Page()))
	return err
}

func answer(contentType string, body []byte) transport.Handler {
	return func(context.Context, *transport.Message) (*transport.Message, error) {
		return &transport.Message{ContentType: contentType, Body: body}, nil
	}
}
