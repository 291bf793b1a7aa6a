package config_test

import "testing"

func TestTheTextOfAConfigReadsToTheSameEffect(t *testing.T) {
	text := two + "services:\n  accounts: {owns: [\"account.*\"], listen: \"${PORT:-:8081}\", endpoints: [\"a:1\"], paths: {account.get: \"GET /accounts/{id}?expand\"}}\n"
	c := parse(t, text, options(t))
	want := `version: 1
transports:
  net:
    url: inproc://net
    codec: json
  bus:
    url: inproc://bus
services:
  accounts:
    owns: ["account.*"]
    listen: :8081
    endpoints: ["a:1"]
    paths:
      account.get: GET /accounts/{id}?expand
defaults:
  transport: bus
  timeout: 5s
routes:
  account.audit:
    transport: bus
    codec: json
    timeout: 5s
  account.*:
    transport: net
    codec: json
    timeout: 5s
  trip.>:
    transport: bus
    timeout: 2s
`
	if got := c.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := c.Route("account.get").Path, "GET /accounts/{id}?expand"; got != want {
		t.Errorf("the route's path is %q, want %q", got, want)
	}
	if again := parse(t, c.String(), options(t)).String(); again != want {
		t.Errorf("read again, it is\n%s", again)
	}
}
