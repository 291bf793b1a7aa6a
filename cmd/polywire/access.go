package main

import (
	"errors"

	"github.com/spf13/pflag"

	"github.com/polywire/polywire/transport/access"
)

// A showing is what a command shows of itself to those it calls.
type showing struct {
	token, file string
	insecure    bool
}

func (s *showing) flags(f *pflag.FlagSet) {
	f.StringVar(&s.file, "token-file", "", "`FILE` of the token to show to the server, as Bearer")
	f.StringVar(&s.token, "token", "", "`TOKEN` to show to the server; others on this machine can see it")
	f.BoolVar(&s.insecure, "insecure-token", false, "show the token without TLS too")
}

func (s *showing) credentials() (access.Credentials, error) {
	switch {
	case s.token != "" && s.file != "":
		return nil, usage(errors.New("--token and --token-file: give one"))
	case s.file != "":
		return access.BearerFile(s.file), nil
	case s.token != "":
		if _, _, err := access.ParseBearer("Bearer " + s.token); err != nil {
			return nil, usage(errors.New("--token: a token has letters, digits and -._~+/ alone"))
		}
		return access.BearerToken(s.token), nil
	case s.insecure:
		return nil, usage(errors.New("--insecure-token is for --token-file or --token"))
	}
	return nil, nil
}

// policy is that of the flags; a file has its own, which no flag replaces.
func (t *target) policy() (access.Policy, error) {
	var p access.Policy
	var err error
	if p.Credentials, err = t.shows.credentials(); err != nil {
		return p, err
	}
	p.InsecureCredentials = t.shows.insecure
	if t.file != "" && (p.Credentials != nil || t.tokens != "") {
		return p, usage(errors.New("tokens are said in the file: credentials of a transport, and access"))
	}
	if t.tokens != "" {
		tokens, err := access.OpenTokens(t.tokens)
		if err != nil {
			return p, usage(err)
		}
		p.Authenticator = tokens
	}
	return p, nil
}
