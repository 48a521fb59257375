package cmdline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// choice is a flag's value that is one of a few words.
type choice struct {
	to    *string
	words []string
}

func (c choice) String() string { return *c.to }
func (c choice) Type() string   { return "string" }

func (c choice) Set(word string) error {
	if !slices.Contains(c.words, word) {
		return fmt.Errorf("must be %s", alternatives(c.words))
	}
	*c.to = word
	return nil
}

// OutputFlag gives a command its -o, with the formats it has. What it is without the flag, to holds already.
func OutputFlag(cmd *cobra.Command, f *pflag.FlagSet, to *string, formats ...string) {
	f.VarP(choice{to, formats}, "output", "o", alternatives(formats))
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
}

// alternatives writes "a, b or c".
func alternatives(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
