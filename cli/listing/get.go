package listing

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/text"
)

// WithClient makes a function of a command of one that gets a client.
type WithClient[C any] func(func(ctx context.Context, c C, cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error

// AddTo makes a command one that lists objects: it has a subcommand for each kind, and takes several kinds at a time, as in swarms,assignments.
func AddTo[C any](cmd *cobra.Command, with WithClient[C], kinds ...Kind[C]) {
	s := &shown{}
	// Subcommands are found by their names; what is left are several kinds at a time, or none.
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return s.several(cmd, args)
	}
	f := cmd.PersistentFlags()
	cmdline.OutputFlag(cmd, f, &s.output, "wide", "name", "json", "yaml")
	f.BoolVarP(&s.watch, "watch", "w", false, "show what changes, too, until it is interrupted")
	f.BoolVar(&s.noHeaders, "no-headers", false, "leave the tables' headers out")
	for _, k := range kinds {
		cmd.AddCommand(command(s, with, k))
	}
}

// shown is how objects are shown.
type shown struct {
	output           string
	watch, noHeaders bool
}

// command lists objects of a kind.
func command[C any](s *shown, with WithClient[C], k Kind[C]) *cobra.Command {
	cmd := &cobra.Command{Use: k.Plural + " [" + k.Argument + "...]", Aliases: []string{k.Singular}, Short: k.About, ValidArgsFunction: k.Complete,
		RunE: with(func(ctx context.Context, c C, cmd *cobra.Command, names []string) error {
			if s.watch && s.output != "" && s.output != "wide" {
				return fmt.Errorf("--watch shows a table: leave out -o %s", s.output)
			}
			f, err := k.Read(ctx, c, names)
			if err != nil {
				return err
			}
			if s.watch {
				return follow(ctx, s, c, cmd, k, names, f)
			}
			return print(s, cmd, k, f)
		})}
	if k.Short != "" {
		cmd.Aliases = append(cmd.Aliases, k.Short)
	}
	return cmd
}

// wanted are objects of a kind: those with these names, or all.
type wanted struct {
	kind  *cobra.Command
	names []string
}

// several lists objects of several kinds, as in swarms,assignments or swarm/a worklist/b.
func (s *shown) several(cmd *cobra.Command, args []string) error {
	all, err := asked(cmd, args)
	if err != nil {
		return err
	}
	if len(all) > 1 && (s.watch || s.output == "json" || s.output == "yaml") {
		return fmt.Errorf("%s: --watch, -o json and -o yaml go with one kind", strings.Join(args, " "))
	}
	for i, w := range all {
		if i > 0 && s.output != "name" {
			fmt.Fprintln(cmd.OutOrStdout())
		}
		w.kind.SetContext(cmd.Context())
		if err := w.kind.RunE(w.kind, w.names); err != nil {
			return err
		}
	}
	return nil
}

// asked is what arguments ask for: kinds with commas between, or objects with their kinds before them, as -o name prints them.
func asked(cmd *cobra.Command, args []string) (all []wanted, err error) {
	words, named := strings.Split(args[0], ","), strings.Contains(args[0], "/")
	if named {
		words = args
	}
	for _, word := range words {
		kind, name, _ := strings.Cut(word, "/")
		sub, _, err := cmd.Find([]string{kind})
		switch {
		case err != nil || sub == cmd:
			return nil, cmdline.UnknownCommand(cmd, kind)
		case named && name == "":
			return nil, fmt.Errorf("%q: is no KIND/NAME as %q is", word, args[0])
		case !named:
			all = append(all, wanted{kind: sub})
			continue
		}
		at := slices.IndexFunc(all, func(w wanted) bool { return w.kind == sub })
		if at < 0 {
			at, all = len(all), append(all, wanted{kind: sub})
		}
		all[at].names = append(all[at].names, name)
	}
	if !named && len(args) > 1 {
		return nil, fmt.Errorf("%q: names go with one kind, not with %s", args[1], args[0])
	}
	return all, nil
}

// print writes what was found.
func print[C any](s *shown, cmd *cobra.Command, k Kind[C], f Found) error {
	w := cmd.OutOrStdout()
	switch s.output {
	case "", "wide":
	case "name":
		for _, r := range f.Rows {
			fmt.Fprintln(w, k.Singular+"/"+r.Name)
		}
		return nil
	default:
		return text.Object(w, s.output, f.Object)
	}
	if len(f.Rows) == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), k.None)
		return nil
	}
	t := table(s, cmd, k)
	for _, r := range f.Rows {
		t.Row(cells(s, k, r)...)
	}
	return t.Flush()
}

// table is an empty one for objects of a kind.
func table[C any](s *shown, cmd *cobra.Command, k Kind[C]) *text.Table {
	header := slices.Clone(k.Header)
	if k.Aged {
		header = append(header, "AGE")
	}
	if s.output == "wide" {
		header = append(header, k.Wide...)
	}
	if s.noHeaders {
		return text.Plain(cmd.OutOrStdout(), len(header))
	}
	return text.NewTable(cmd.OutOrStdout(), header...)
}

// cells are what a table shows of an object.
func cells[C any](s *shown, k Kind[C], r Row) []string {
	cells := slices.Clone(r.Cells)
	if k.Aged {
		cells = append(cells, text.Age(r.Created))
	}
	if s.output == "wide" {
		cells = append(cells, r.Wide...)
	}
	return cells
}
