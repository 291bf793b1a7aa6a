package main

import (
	"github.com/spf13/cobra"

	"github.com/polywire/polywire/transport/config"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check, explain and start configuration files"}
	cmd.AddCommand(a.configCheckCommand())
	return cmd
}

func (a *app) configCheckCommand() *cobra.Command {
	t := &target{a: a}
	cmd := &cobra.Command{Use: "check FILE", Short: "Find every mistake of a file", Args: exactly("FILE"), RunE: func(_ *cobra.Command, args []string) error {
		_, err := config.Load(args[0], t.options())
		if err != nil {
			return usage(err)
		}
		return nil
	}}
	cmd.Flags().StringVar(&t.profile, "profile", "", "`PROFILE` of the file")
	cmd.Flags().StringVar(&t.service, "service", "", "`SERVICE` that the process is")
	return cmd
}
