package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/polywire/polywire/transport/config"
	"github.com/polywire/polywire/transport/contract"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check, explain and start configuration files", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(a.configCheckCommand(), a.configExplainCommand(),
		a.configFileCommand("init", "Print a first file with comments", config.Init),
		a.configFileCommand("schema", "Print the JSON Schema of the file, for editors", config.Schema))
	return cmd
}

func (a *app) configCheckCommand() *cobra.Command {
	t := &target{a: a}
	var apis []string
	cmd := &cobra.Command{Use: "check FILE", Short: "Find every mistake of a file, and what it lacks for an API", Args: exactly("FILE")}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		c, err := config.Load(args[0], t.options())
		if err != nil {
			return usage(err)
		}
		ds, err := descriptions(apis)
		if err != nil {
			return err
		}
		if err := c.CheckDescriptions(ds...); err != nil {
			return usage(err)
		}
		a.note("%s is right", args[0])
		return nil
	}
	t.fileFlags(cmd.Flags())
	cmd.Flags().StringArrayVar(&apis, "api", nil, "description of an API in `FILE`, repeated")
	return cmd
}

func (a *app) configExplainCommand() *cobra.Command {
	var profiles []string
	var apis []string
	var output string
	cmd := &cobra.Command{
		Use: "explain FROM [TO]", Short: "Tell what a change of the file keeps, weakens and gains",
		Long: `Explain compares two files, or two profiles of one, by what their transports declare.
Nothing is connected.`,
		Example: `  polywire config explain system.yaml new.yaml --api accounts.json
  polywire config explain system.yaml --profile '' --profile kafka`,
		Args: cobra.RangeArgs(1, 2),
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		from, to, err := a.pair(args, profiles)
		if err != nil {
			return err
		}
		ds, err := descriptions(apis)
		if err != nil {
			return err
		}
		e := config.Explain(from, to, ds...)
		switch output {
		case "text":
			_, err = fmt.Fprint(a.out, e)
		case "json":
			enc := json.NewEncoder(a.out)
			enc.SetIndent("", "  ")
			err = enc.Encode(e)
		default:
			err = usage(fmt.Errorf("-o %s is not known (known: text, json)", output))
		}
		return err
	}
	cmd.Flags().StringArrayVar(&profiles, "profile", nil, "`PROFILE` of the first file, and given again, of the second")
	cmd.Flags().StringArrayVar(&apis, "api", nil, "description of an API in `FILE`, repeated: tell about its destinations")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

// pair loads what explain compares: two files, or one file twice.
func (a *app) pair(args, profiles []string) (from, to *config.Config, err error) {
	if len(profiles) > 2 || len(args) == 1 && len(profiles) < 2 {
		return nil, nil, usage(fmt.Errorf("explain compares two files, or one with two --profile; a profile may be ''"))
	}
	both := []string{args[0], args[len(args)-1]}
	loaded := make([]*config.Config, 2)
	for i, name := range both {
		t := target{a: a}
		if i < len(profiles) {
			t.profile = profiles[i]
		}
		if loaded[i], err = config.Load(name, t.options()); err != nil {
			return nil, nil, usage(err)
		}
	}
	return loaded[0], loaded[1], nil
}

func (a *app) configFileCommand(name, short string, text func() []byte) *cobra.Command {
	return &cobra.Command{Use: name, Short: short, Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		_, err := a.out.Write(text())
		return err
	}}
}

// descriptions reads the files that --api names.
func descriptions(files []string) ([]*contract.Description, error) {
	var ds []*contract.Description
	for _, name := range files {
		document, err := os.ReadFile(name)
		if err != nil {
			return nil, usage(err)
		}
		d, err := contract.ParseDescription(document)
		if err != nil {
			return nil, usage(fmt.Errorf("%s: %w", name, err))
		}
		ds = append(ds, d)
	}
	return ds, nil
}
