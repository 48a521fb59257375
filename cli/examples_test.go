package cli

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// The examples of each command's help have flags and arguments that the command takes.
func TestExamplesInHelp(t *testing.T) {
	n := 0
	var check func(*cobra.Command)
	check = func(parent *cobra.Command) {
		for _, cmd := range parent.Commands() {
			check(cmd)
		}
		for line := range strings.Lines(parent.Example) {
			_, text, ok := strings.Cut(line, "teamtask ")
			if !ok {
				t.Errorf("%s: an example is not of teamtask: %s", parent.CommandPath(), line)
				continue
			}
			text, _, _ = strings.Cut(text, "  #")
			text, _, _ = strings.Cut(text, " > ")
			cmd, args, err := Root().Find(strings.Fields(text))
			if err == nil {
				err = cmd.ParseFlags(args)
			}
			if err == nil && cmd.Args != nil {
				err = cmd.Args(cmd, cmd.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: %s: %v", parent.CommandPath(), strings.TrimSpace(line), err)
			}
			n++
		}
	}
	check(Root())
	if n < 20 {
		t.Errorf("only %d examples were found", n)
	}
}
