package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/polywire/polywire/transport"
)

func (a *app) transportsCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{Use: "transports", Short: "List what each transport can do", Args: cobra.NoArgs}
	cmd.RunE = func(*cobra.Command, []string) error {
		all, err := a.features()
		if err != nil {
			return err
		}
		switch output {
		case "json":
			e := json.NewEncoder(a.out)
			e.SetIndent("", "  ")
			return e.Encode(all)
		case "md":
			return markdown(a.out, all)
		case "text":
			return table(a.out, all)
		}
		return usage(fmt.Errorf("-o %s is not known (known: text, md, json)", output))
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text, md or json")
	return cmd
}

// features are those of each adapter as a plain URL opens it.
func (a *app) features() ([]transport.Features, error) {
	var all []transport.Features
	seen := map[string]bool{}
	for _, scheme := range a.registry.Schemes() {
		f, err := a.registry.Features(scheme + "://localhost")
		if err != nil {
			return nil, err
		}
		if !seen[f.Adapter] {
			seen[f.Adapter] = true
			all = append(all, f)
		}
	}
	return all, nil
}

// rows are the matrix: a name, and a cell for each adapter.
func rows(all []transport.Features) [][]string {
	head := []string{""}
	for _, f := range all {
		head = append(head, f.Adapter)
	}
	matrix := [][]string{head}
	for _, name := range all[0].Names() {
		row := []string{name}
		for _, f := range all {
			cell := "–"
			if f.Has(name) {
				cell = "yes"
			}
			row = append(row, cell)
		}
		matrix = append(matrix, row)
	}
	row := []string{"default acceptance"}
	for _, f := range all {
		row = append(row, f.Acceptance.String())
	}
	return append(matrix, row)
}

func table(w io.Writer, all []transport.Features) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows(all) {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

func markdown(w io.Writer, all []transport.Features) error {
	for i, row := range rows(all) {
		if _, err := fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | ")); err != nil {
			return err
		}
		if i == 0 {
			fmt.Fprintf(w, "|%s\n", strings.Repeat("---|", len(row)))
		}
	}
	return nil
}

func (a *app) codecsCommand() *cobra.Command {
	return &cobra.Command{Use: "codecs", Short: "List the formats", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		for _, name := range a.codecs.Names() {
			c, err := a.codecs.ByName(name)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "%-10s %s\n", name, c.ContentType())
		}
		return nil
	}}
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		info, ok := debug.ReadBuildInfo()
		if !ok {
			return fmt.Errorf("this program was built without its module's version")
		}
		fmt.Fprintf(a.out, "polywire %s %s\n", info.Main.Version, info.GoVersion)
		return nil
	}}
}
