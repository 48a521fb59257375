package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/text"
	"teamtask.dev/client"
)

func getCommand(g *global) *cobra.Command {
	s := &shown{}
	cmd := &cobra.Command{
		Use:   "get (worklists | blocks | swarms | assignments) [NAME...]",
		Short: "List worklists and the blocks that are out, swarms and the assignments of their workers",
		Example: `  teamtask get worklists
  teamtask get worklist primes -o yaml
  teamtask get blocks primes -o wide
  teamtask get swarms,assignments
  teamtask get assignments streams --watch`,
		// Subcommands are found by their names; what is left are several kinds at a time, or none.
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return s.several(cmd, args)
		},
	}
	cmdline.OutputFlag(cmd, cmd.PersistentFlags(), &s.output, "wide", "name", "json", "yaml")
	cmd.PersistentFlags().BoolVarP(&s.watch, "watch", "w", false, "show what changes, too, until it is interrupted")
	for _, k := range []kind{worklistKind, blockKind, swarmKind, assignmentKind} {
		cmd.AddCommand(s.command(g, k))
	}
	return cmd
}

// kind is what `get` shows of objects of a kind.
type kind struct {
	plural, singular, short string
	about                   string // short help
	argument                string // what its names are
	complete                func(g *global) cobra.CompletionFunc
	header, wide            []string // of a table's columns; of what has an age, AGE comes between these
	aged                    bool
	none                    string // what is said where there are none
	read                    func(ctx context.Context, c *client.Client, names []string) (found, error)
}

// found are objects of a kind.
type found struct {
	rows   []row
	object any // all of it, for -o json and yaml
}

// row is what a table has of an object.
type row struct {
	name        string
	cells, wide []string
	created     time.Time
}

// shown is how objects are shown.
type shown struct {
	output string
	watch  bool
}

// command lists objects of a kind.
func (s *shown) command(g *global, k kind) *cobra.Command {
	cmd := &cobra.Command{Use: k.plural + " [" + k.argument + "...]", Aliases: []string{k.singular}, Short: k.about, ValidArgsFunction: k.complete(g),
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, names []string) error {
			if s.watch && s.output != "" && s.output != "wide" {
				return fmt.Errorf("--watch shows a table: leave out -o %s", s.output)
			}
			f, err := k.read(ctx, c, names)
			if err != nil {
				return err
			}
			if s.watch {
				return s.follow(ctx, c, cmd, k, names, f)
			}
			return s.print(cmd, k, f)
		})}
	if k.short != "" {
		cmd.Aliases = append(cmd.Aliases, k.short)
	}
	return cmd
}

// several lists objects of several kinds, as in swarms,assignments.
func (s *shown) several(cmd *cobra.Command, args []string) error {
	words := strings.Split(args[0], ",")
	var kinds []*cobra.Command
	for _, word := range words {
		sub, _, err := cmd.Find([]string{word})
		if err != nil || sub == cmd {
			return cmdline.UnknownCommand(cmd, word)
		}
		kinds = append(kinds, sub)
	}
	switch {
	case len(args) > 1:
		return fmt.Errorf("%q: names go with one kind, not with %s", args[1], args[0])
	case s.watch || s.output == "json" || s.output == "yaml":
		return fmt.Errorf("%s: --watch, -o json and -o yaml go with one kind", args[0])
	}
	for i, sub := range kinds {
		if i > 0 && s.output != "name" {
			fmt.Fprintln(cmd.OutOrStdout())
		}
		sub.SetContext(cmd.Context())
		if err := sub.RunE(sub, nil); err != nil {
			return err
		}
	}
	return nil
}

// print writes what was found.
func (s *shown) print(cmd *cobra.Command, k kind, f found) error {
	w := cmd.OutOrStdout()
	switch s.output {
	case "", "wide":
	case "name":
		for _, r := range f.rows {
			fmt.Fprintln(w, k.singular+"/"+r.name)
		}
		return nil
	default:
		return text.Object(w, s.output, f.object)
	}
	if len(f.rows) == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), k.none)
		return nil
	}
	t := s.table(cmd, k)
	for _, r := range f.rows {
		t.row(s.cells(k, r)...)
	}
	return t.flush()
}

// table is an empty one for objects of a kind.
func (s *shown) table(cmd *cobra.Command, k kind) *table {
	header := slices.Clone(k.header)
	if k.aged {
		header = append(header, "AGE")
	}
	if s.output == "wide" {
		header = append(header, k.wide...)
	}
	return newTable(cmd.OutOrStdout(), header...)
}

// cells are what a table shows of an object.
func (s *shown) cells(k kind, r row) []string {
	cells := slices.Clone(r.cells)
	if k.aged {
		cells = append(cells, text.Age(r.created))
	}
	if s.output == "wide" {
		cells = append(cells, r.wide...)
	}
	return cells
}
