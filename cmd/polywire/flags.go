package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/polywire/polywire/internal/nearest"
)

// A period is a flag of time above zero. Without the flag it is zero, which is no bound.
type period time.Duration

func (p *period) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return errors.New("use a time above zero, as 500ms, 2s or 1m30s, or leave the flag out")
	}
	*p = period(d)
	return nil
}

func (p *period) String() string {
	if *p == 0 {
		return "" // so that help shows no default
	}
	return time.Duration(*p).String()
}

func (p *period) Type() string { return "duration" }

// A limit is a flag that counts. Zero, as without the flag, is no end.
type limit int

func (l *limit) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return errors.New("use a whole number from 1, or 0 for no end")
	}
	*l = limit(n)
	return nil
}

func (l *limit) String() string { return strconv.Itoa(int(*l)) }
func (l *limit) Type() string   { return "int" }

// flagError makes a usage error of what the flags' parser found, with the flag that was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usage(err)
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	if meant := nearest.Name(unknown.GetSpecifiedName(), known); meant != "" {
		return usage(fmt.Errorf("%w; did you mean --%s?", err, meant))
	}
	return usage(fmt.Errorf("%w: see %s --help", err, cmd.CommandPath()))
}
