package config_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/config"
)

// A password with all that means something in a URL, in YAML or to a placeholder.
const password = `p@ss/w:rd?#&=%41 ${HOME} "x" {y: z}`

// vault is a wire that tells what it was opened with, and whose errors repeat it.
func vault(opened *[]url.URL) transport.Factory {
	return transport.Factory{
		Name: "vault", Schemes: []string{"vault"},
		Features: func(*url.URL) (transport.Features, error) {
			return transport.Features{Adapter: "vault", Send: true, Acceptance: transport.Stored}, nil
		},
		Open: func(_ context.Context, s transport.Setup) (transport.Adapter, error) {
			*opened = append(*opened, *s.URL)
			given, _ := s.URL.User.Password()
			return nil, transport.CodeUnauthenticated.Errorf("user %s, password %s, tenant %s, URL %s", s.URL.User.Username(), given, s.URL.Query().Get("tenant"), s.URL)
		},
	}
}

// loadSecrets loads a file whose URLs take two secrets from files beside it.
func loadSecrets(t *testing.T, opened *[]url.URL) *config.Config {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"password.txt": password + "\r\n", // editors end files with a line
		"tenant.txt":   "tok&en=7",
		"taxi.yaml": `version: 1
transports:
  bus: {url: "vault://app:${file:password.txt}@host?tenant=${file:` + filepath.Join(folder, "tenant.txt") + `}"}
defaults: {transport: bus}
`,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := options(t)
	o.Registry = transport.NewRegistry(vault(opened))
	c, err := config.Load(filepath.Join(folder, "taxi.yaml"), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestASecretFileReachesTheAdapterUnchanged(t *testing.T) {
	var opened []url.URL
	_, _ = loadSecrets(t, &opened).Open(t.Context()) // which fails, once it has told
	if len(opened) != 1 {
		t.Fatalf("the adapter was opened %d times, want once", len(opened))
	}
	if got, _ := opened[0].User.Password(); got != password {
		t.Errorf("the password arrived as %q, want %q", got, password)
	}
	if got := opened[0].Query().Get("tenant"); got != "tok&en=7" || len(opened[0].Query()) != 1 {
		t.Errorf("the option arrived as %q in %q, want tok&en=7 alone", got, opened[0].RawQuery)
	}
	if opened[0].Host != "host" || opened[0].User.Username() != "app" {
		t.Errorf("the URL became one of user %q at host %q, want app at host", opened[0].User.Username(), opened[0].Host)
	}
}

func TestASecretFileIsNeverShown(t *testing.T) {
	var opened []url.URL
	c := loadSecrets(t, &opened)
	_, failure := c.Open(t.Context())
	if failure == nil {
		t.Fatal("Open of a wire that refuses did not fail")
	}
	route, err := json.Marshal(c.Route("trip.created"))
	if err != nil {
		t.Fatal(err)
	}
	explained, err := json.Marshal(config.Explain(c, c))
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"String": c.String(), "%+v": fmt.Sprintf("%+v", c), "%#v": fmt.Sprintf("%#v", c), "Route": string(route),
		"Explain": config.Explain(c, c).String() + string(explained), "the error of Open": failure.Error(),
	} {
		for _, secret := range []string{password, url.QueryEscape(password), url.PathEscape(password), "ss/w", "ss%2Fw", "tok&en", "tok%26en"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows %q: %s", what, secret, text)
			}
		}
	}
	for what, text := range map[string]string{"String": c.String(), "the error of Open": failure.Error()} {
		if !strings.Contains(text, "vault://app:xxxxx@host?tenant=xxxxx") {
			t.Errorf("%s does not show which URL it is: %s", what, text)
		}
	}
}
