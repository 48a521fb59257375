package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// instead is what there is for flags that people know from GNU parallel.
var instead = map[string]string{
	"a": "use --lines FILE, or :::: FILE", "arg-file": "use --lines FILE, or :::: FILE",
	"bar": "progress is shown by itself on a terminal", "eta": "progress is shown by itself on a terminal", "progress": "progress is shown by itself on a terminal",
	"halt": "use --tolerate N, which stops when more items have failed", "resume": "a run goes on by itself where it stopped",
	"resume-failed": "use --retry-failed", "retry": "use --retries", "delay": "use --rate, items per second", "k": "outputs come as they end, in no other order", "keep-order": "outputs come as they end, in no other order",
	"n": "use --block-size N with {start} {end} or --pipe", "N": "use --block-size N with {start} {end} or --pipe", "max-args": "use --block-size N with {start} {end} or --pipe",
	"S": "use `teamtask serve` and `teamtask work` on each machine", "sshlogin": "use `teamtask serve` and `teamtask work` on each machine",
	"P": "use -j", "max-procs": "use -j", "shuf": "items go out in their order", "block": "use --block-size, in items",
}

// flagError says what to use for a flag of GNU parallel's, and otherwise where help is.
func flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	name := ""
	if long, ok := strings.CutPrefix(text, "unknown flag: --"); ok {
		name = long
	} else if short, ok := strings.CutPrefix(text, "unknown shorthand flag: '"); ok {
		name, _, _ = strings.Cut(short, "'")
	}
	if other, ok := instead[name]; ok {
		return fmt.Errorf("%w: %s", err, other)
	}
	return fmt.Errorf("%w\nSee '%s --help'", err, cmd.CommandPath())
}
