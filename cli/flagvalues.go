package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

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

// outputFlag gives a command its -o, with the formats it has. What it is without the flag, to holds already.
func outputFlag(cmd *cobra.Command, f *pflag.FlagSet, to *string, formats ...string) {
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

// atLeast is a flag's number that has a least value. One below it is refused, and so is a zero that was written where
// only leaving the flag out means the default.
type atLeast[T cmp.Ordered] struct {
	to    *T
	least T
	kind  string
	parse func(string) (T, error)
}

func intAtLeast(least int, to *int) pflag.Value {
	return atLeast[int]{to, least, "int", strconv.Atoi}
}

func int32AtLeast(least int32, to *int32) pflag.Value {
	return atLeast[int32]{to, least, "int32", func(s string) (int32, error) {
		n, err := strconv.ParseInt(s, 10, 32)
		return int32(n), err
	}}
}

func durationAtLeast(least time.Duration, to *time.Duration) pflag.Value {
	return atLeast[time.Duration]{to, least, "duration", time.ParseDuration}
}

// String is empty for the zero value, so that the help shows no default.
func (v atLeast[T]) String() string {
	var zero T
	if *v.to == zero {
		return ""
	}
	return fmt.Sprint(*v.to)
}

func (v atLeast[T]) Type() string { return v.kind }

func (v atLeast[T]) Set(text string) error {
	x, err := v.parse(text)
	if err != nil {
		return err
	}
	if x < v.least {
		return fmt.Errorf("must be at least %v", v.least)
	}
	*v.to = x
	return nil
}
