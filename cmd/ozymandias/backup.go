package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/ozymandias/cluster"
	"teamtask.dev/ozymandias/durable"
)

func backupCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write down the cluster's records and keys, to found it anew from",
		Long: `Write down what the cluster has and nobody could write anew: jobs, secrets, certificates, tokens,
and the keys to read them. It is to be run as root on a node of the cluster. "ozymandias node
--restore FILE" founds the cluster anew from it, when all is lost. Images and what is in volumes
are not in it.

Whoever can read the file can read all secrets, and be a node of the cluster.`,
		Example: "  ozymandias backup /backup/ozymandias.json",
		Args:    cmdline.Arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			// An earlier one is not lost if this one cannot be made. Only its owner can read it.
			f, err := durable.Create(args[0])
			if err != nil {
				return fmt.Errorf("write the backup: %w", err)
			}
			defer os.Remove(f.Name())
			if err := cluster.Backup(cmd.Context(), data, f); err != nil {
				return errors.Join(err, f.Close())
			}
			if err := durable.Keep(f, args[0]); err != nil {
				return fmt.Errorf("write the backup: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&data, "data-dir", defaultDataDir, "the directory that the node was given")
	return cmd
}
