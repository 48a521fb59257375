package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/ozymandias/cgroup"
	"teamtask.dev/ozymandias/watchdog"
)

// watchdogCommand is for the node to run: it ends the node's instances when the node cannot do so itself.
func watchdogCommand() *cobra.Command {
	var socket, group string
	var until time.Duration
	cmd := &cobra.Command{
		Use: "watchdog", Hidden: true, Args: cmdline.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			g, err := cgroup.Find(group)
			if err != nil {
				return err
			}
			return watchdog.Guard(cmd.Context(), socket, g, until)
		},
	}
	f := cmd.Flags()
	f.StringVar(&socket, "socket", "", "where the node tells it how long to wait")
	f.StringVar(&group, "cgroup", "", "what it ends")
	f.DurationVar(&until, "until", 0, "when it does, as time since the machine was started")
	return cmd
}

// watchdogFor makes the command that runs a watchdog.
func watchdogFor(socket, group string) func(until time.Duration) *exec.Cmd {
	return func(until time.Duration) *exec.Cmd {
		c := exec.Command("/proc/self/exe", "watchdog", "--socket", socket, "--cgroup", group, "--until", strconv.FormatInt(until.Nanoseconds(), 10)+"ns")
		c.Args[0] = filepath.Base(os.Args[0])
		return c
	}
}
