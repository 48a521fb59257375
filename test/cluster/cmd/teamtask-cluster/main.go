// Command teamtask-cluster runs a real Kubernetes on this machine to try things out on: see package cluster.
//
//	teamtask-cluster prepare                build Kubernetes and install what it needs: some minutes, once
//	teamtask-cluster up                     start it in the background
//	teamtask-cluster kubectl get nodes      use it
//	teamtask-cluster build NAME CONTEXT     build an image and give it to its nodes
//	teamtask-cluster load IMAGE.tar         give its nodes an image that was built before
//	teamtask-cluster down                   end it, and remove all of it
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var dir string
	root := &cobra.Command{
		Use:          "teamtask-cluster",
		Short:        "A real Kubernetes on this machine, to try things out on",
		SilenceUsage: true,
		// What follows kubectl is kubectl's.
		TraverseChildren: true,
	}
	root.PersistentFlags().StringVar(&dir, "dir", filepath.Join(xdg.StateHome, "teamtask", "cluster"), "directory of the cluster's data")
	var of withHome = func(run func(*cobra.Command, home, []string) error) func(*cobra.Command, []string) error {
		return func(command *cobra.Command, args []string) error {
			absolute, err := filepath.Abs(dir)
			if err != nil {
				return err
			}
			return run(command, home(absolute), args)
		}
	}
	root.AddCommand(prepareCommand(), upCommand(of), runCommand(of), downCommand(of), statusCommand(of),
		buildCommand(of), loadCommand(of), kubeconfigCommand(of), kubectlCommand(of))
	if root.ExecuteContext(ctx) != nil {
		os.Exit(1)
	}
}

// withHome makes a command's function of one that is also given the cluster's directory.
type withHome = func(func(*cobra.Command, home, []string) error) func(*cobra.Command, []string) error
