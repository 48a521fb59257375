package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/test/cluster"
)

func runCommand(of withHome) *cobra.Command {
	var nodes, port int
	command := &cobra.Command{
		Use:   "run",
		Short: "Run the cluster in the foreground until it is interrupted, then remove it",
		Args:  cobra.NoArgs,
		RunE: of(func(command *cobra.Command, h home, _ []string) error {
			return run(command, h, nodes, port)
		}),
	}
	nodeFlags(command, &nodes, &port)
	return command
}

func nodeFlags(command *cobra.Command, nodes, port *int) {
	command.Flags().IntVar(nodes, "nodes", 1, "how many nodes; 0 needs no root")
	command.Flags().IntVar(port, "port", 0, "port of the API server; 0 is any that is free")
}

// run says what it does on its output, and closes it when the cluster is ready: that is what up waits for.
func run(command *cobra.Command, h home, nodes, port int) (err error) {
	lock, err := h.lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := h.clear(command.Context()); err != nil { // of one that was killed
		return err
	}
	begun := time.Now()
	c, err := cluster.Options{Dir: h.data(), Nodes: nodes, Port: port, Progress: func(step string) {
		fmt.Printf("%3.0fs  %s\n", time.Since(begun).Seconds(), step)
	}}.Start(command.Context())
	if command.Context().Err() != nil {
		return errors.Join(err, os.RemoveAll(h.data()))
	}
	if err != nil {
		return fmt.Errorf("%w (logs are in %s)", err, h.data())
	}
	defer func() {
		if stopped := c.Stop(); stopped != nil {
			err = stopped
			return
		}
		err = os.RemoveAll(h.data())
	}()
	fmt.Printf("%3.0fs  ready\n", time.Since(begun).Seconds())
	os.Stdout.Close()
	<-command.Context().Done()
	return nil
}
