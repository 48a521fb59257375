package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"
)

func upCommand(of withHome) *cobra.Command {
	var nodes, port int
	command := &cobra.Command{
		Use:   "up",
		Short: "Start the cluster in the background, unless it runs",
		Args:  cobra.NoArgs,
		RunE: of(func(command *cobra.Command, h home, _ []string) error {
			return up(command, h, nodes, port)
		}),
	}
	nodeFlags(command, &nodes, &port)
	return command
}

func up(command *cobra.Command, h home, nodes, port int) error {
	out := command.OutOrStdout()
	running, err := h.holder()
	if err != nil {
		return err
	}
	if running != 0 {
		if _, err := h.open(); err != nil {
			return fmt.Errorf("the cluster is being started or ended just now, see %s: %w", h.log(), err)
		}
		fmt.Fprintln(out, "The cluster runs already.")
		return usage(out, h)
	}
	log, err := os.Create(h.log())
	if err != nil {
		return err
	}
	defer log.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	background := exec.Command(self, "run", "--dir", string(h), "--nodes", strconv.Itoa(nodes), "--port", strconv.Itoa(port))
	background.Stderr = log
	background.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // it does not end with this terminal
	progress, err := background.StdoutPipe()
	if err != nil {
		return err
	}
	if err := background.Start(); err != nil {
		return err
	}
	// Interrupted, the cluster removes what it has made so far.
	started := make(chan struct{})
	interrupted := make(chan struct{})
	go func() {
		defer close(interrupted)
		select {
		case <-command.Context().Done():
			background.Process.Signal(syscall.SIGTERM)
		case <-started:
		}
	}()
	_, err = io.Copy(out, progress) // until it is ready or has ended
	close(started)
	<-interrupted
	if err != nil {
		return err
	}
	if command.Context().Err() != nil {
		background.Wait()
		return errors.New("interrupted: the cluster is removed")
	}
	if _, err := h.open(); err != nil {
		background.Wait()
		reason, _ := os.ReadFile(h.log())
		return fmt.Errorf("the cluster does not start: %s", reason)
	}
	return usage(out, h)
}

// usage tells how to use the cluster.
func usage(out io.Writer, h home) error {
	c, err := h.open()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, `
    export KUBECONFIG=%s
    export PATH=%s:$PATH    # where kubectl is

`, c.Kubeconfig, c.Programs)
	return err
}
