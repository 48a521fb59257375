package cli

import (
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worker"
)

// consumerCommand is the command line of `teamtask join`, with its replacement strings.
type consumerCommand struct {
	args  []string
	shell bool // it is a script
}

var consumerStrings = []string{"{workload}", "{epoch}", "{worker}"}

func parseConsumer(args []string) consumerCommand {
	c := consumerCommand{args: slices.Clone(args), shell: len(args) == 1 && strings.ContainsAny(args[0], " \t\n|&;<>()$`\\\"'*?[]~=")}
	if !slices.ContainsFunc(args, replaced) {
		if c.shell {
			c.args[0] += " {workload}"
		} else {
			c.args = append(c.args, "{workload}")
		}
	}
	return c
}

func replaced(arg string) bool {
	return slices.ContainsFunc(consumerStrings, func(s string) bool { return strings.Contains(arg, s) })
}

// check tells whether the program can be found, if it is the same for all workloads.
func (c consumerCommand) check() error {
	if c.shell || replaced(c.args[0]) {
		return nil
	}
	if _, err := exec.LookPath(c.args[0]); err != nil {
		return fmt.Errorf("the command cannot be run: %w", err)
	}
	return nil
}

// expand is the command line for a workload.
func (c consumerCommand) expand(g v1alpha1.Grant, name string) []string {
	quote := func(s string) string { return s }
	var args []string
	if c.shell {
		args = []string{"/bin/sh", "-c"}
		quote = func(s string) string { return worker.Line([]string{s}) }
	}
	r := strings.NewReplacer("{workload}", quote(g.Name), "{epoch}", strconv.FormatInt(g.Epoch, 10), "{worker}", quote(name))
	for _, a := range c.args {
		args = append(args, r.Replace(a))
	}
	return args
}
