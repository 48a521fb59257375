package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"teamtask.dev/test/cluster"
)

func prepareCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "prepare",
		Short: "Build Kubernetes and install what it needs: some minutes, once",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return cluster.Prepare(command.Context(), func(step string) { fmt.Fprintln(command.ErrOrStderr(), step) })
		},
	}
}
