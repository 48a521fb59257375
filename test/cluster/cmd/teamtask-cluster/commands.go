package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/test/cluster"
)

func downCommand(of withHome) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "End the cluster and remove all of it",
		Args:  cobra.NoArgs,
		RunE: of(func(command *cobra.Command, h home, _ []string) error {
			process, err := h.process()
			if err != nil {
				return err
			}
			if process != nil {
				if err := process.Signal(syscall.SIGTERM); err != nil {
					return fmt.Errorf("end the cluster: %w", err)
				}
				ctx, cancel := context.WithTimeout(command.Context(), 5*time.Minute)
				defer cancel()
				if err := h.waitEnd(ctx); err != nil {
					return err
				}
			}
			if os.Geteuid() == 0 {
				if err := cluster.Sweep(); err != nil { // had it been killed
					return err
				}
			}
			return h.clear(command.Context())
		}),
	}
}

func statusCommand(of withHome) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say whether the cluster runs, and show its nodes",
		Args:  cobra.NoArgs,
		RunE: of(func(command *cobra.Command, h home, _ []string) error {
			c, err := h.open()
			if err != nil {
				return err
			}
			nodes, err := c.Kubectl(command.Context(), "get", "nodes", "--output", "wide")
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "The API server is at %s, data and logs are in %s.\n\n%s", c.URL, c.Dir, nodes)
			return err
		}),
	}
}

func buildCommand(of withHome) *cobra.Command {
	var containerfile string
	command := &cobra.Command{
		Use:     "build NAME CONTEXT",
		Short:   "Build an image with podman, and give it to all nodes",
		Example: "  teamtask-cluster build teamtask.dev/primes:dev --file examples/primes/Containerfile bin",
		Args:    cobra.ExactArgs(2),
		RunE: of(func(command *cobra.Command, h home, args []string) error {
			c, err := h.open()
			if err != nil {
				return err
			}
			if containerfile == "" {
				containerfile = filepath.Join(args[1], "Containerfile")
			}
			return c.BuildImage(command.Context(), args[0], containerfile, args[1])
		}),
	}
	command.Flags().StringVar(&containerfile, "file", "", "the Containerfile; by default that of the context")
	return command
}

func loadCommand(of withHome) *cobra.Command {
	return &cobra.Command{
		Use:   "load IMAGE.tar...",
		Short: "Give all nodes the images of archives, as podman save or docker save makes them",
		Args:  cobra.MinimumNArgs(1),
		RunE: of(func(command *cobra.Command, h home, args []string) error {
			c, err := h.open()
			if err != nil {
				return err
			}
			for _, archive := range args {
				if err := c.LoadImage(command.Context(), archive); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

func kubeconfigCommand(of withHome) *cobra.Command {
	return &cobra.Command{
		Use:   "kubeconfig",
		Short: "Print where the administrator's kubeconfig is",
		Args:  cobra.NoArgs,
		RunE: of(func(command *cobra.Command, h home, _ []string) error {
			c, err := h.open()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(command.OutOrStdout(), c.Kubeconfig)
			return err
		}),
	}
}

func kubectlCommand(of withHome) *cobra.Command {
	return &cobra.Command{
		Use:                "kubectl ...",
		Short:              "Run kubectl as the cluster's administrator",
		DisableFlagParsing: true,
		RunE: of(func(_ *cobra.Command, h home, args []string) error {
			c, err := h.open()
			if err != nil {
				return err
			}
			os.Setenv("KUBECONFIG", c.Kubeconfig)
			return syscall.Exec(filepath.Join(c.Programs, "kubectl"), append([]string{"kubectl"}, args...), os.Environ())
		}),
	}
}
