package cli

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/text"
	"teamtask.dev/client"
	"teamtask.dev/items"
)

func resultsCommand(g *global) *cobra.Command {
	var filter client.ResultsFilter
	output := "table"
	cmd := &cobra.Command{
		Use: "results NAME", Short: "Export what became of items and blocks", Args: cmdline.Arguments(1, 1), ValidArgsFunction: g.completeLists,
		Long: "Export what became of items and blocks: first failures and found values, then what was done, each in the order in\nwhich it was counted. What is kept is set by the worklist's results policy. A failure that was tried again has a row for\neach attempt. The output of a command that failed is the end of its standard error, if it wrote any.",
		Example: `  teamtask results primes --failed
  teamtask results primes -o csv > results.csv`,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			w := bufio.NewWriter(cmd.OutOrStdout())
			wl, err := c.Get(ctx, args[0])
			if err != nil {
				return err
			}
			var source items.Source
			if wl.Spec.Items != nil {
				source, _ = wl.Spec.Items.Build(nil) // nil where the items are in a file that may be elsewhere
			}
			rows := named(c.Results(ctx, args[0], filter), source)
			switch output {
			case "jsonl":
				err = writeJSONL(w, rows)
			case "csv":
				err = writeCSV(w, rows)
			default:
				err = writeTable(w, rows)
			}
			if err != nil {
				return err
			}
			return w.Flush()
		}),
	}
	cmd.Flags().BoolVar(&filter.Failed, "failed", false, "only failures")
	cmd.Flags().BoolVar(&filter.Found, "found", false, "only found values")
	cmdline.OutputFlag(cmd, cmd.Flags(), &output, "table", "jsonl", "csv")
	return cmd
}

// named are rows of single items with the item itself.
func named(rows iter.Seq2[*v1alpha1.Result, error], source items.Source) iter.Seq2[*v1alpha1.Result, error] {
	if source == nil {
		return rows
	}
	return func(yield func(*v1alpha1.Result, error) bool) {
		for r, err := range rows {
			if err == nil && r.Size == 1 {
				r.Item, err = items.At(source, r.Index)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// checkExport tells whether a file can be written, before there is work to lose.
func checkExport(name string) error {
	if name == "" {
		return nil
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return fmt.Errorf("--results %s: is a directory; give a file, which unlike GNU parallel's has a row for each item", name)
	}
	f, err := beside(name)
	if err != nil {
		return fmt.Errorf("--results %s: %w", name, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// exportTo writes rows to a file: CSV if its name ends so, otherwise JSON lines.
func exportTo(name string, rows iter.Seq2[*v1alpha1.Result, error]) error {
	write := writeJSONL
	if strings.EqualFold(filepath.Ext(name), ".csv") {
		write = writeCSV
	}
	if err := writeWhole(name, 0o644, func(w io.Writer) error { return write(w, rows) }); err != nil {
		return fmt.Errorf("--results %s: %w", name, err)
	}
	return nil
}

func writeJSONL(w io.Writer, rows iter.Seq2[*v1alpha1.Result, error]) error {
	e := json.NewEncoder(w)
	for r, err := range rows {
		if err != nil {
			return err
		}
		if err := e.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

func writeCSV(w io.Writer, rows iter.Seq2[*v1alpha1.Result, error]) error {
	c := csv.NewWriter(w)
	c.Write([]string{"index", "item", "size", "ok", "exit", "signal", "reason", "seconds", "found", "worker", "attempt", "time", "output"})
	for r, err := range rows {
		if err != nil {
			return err
		}
		c.Write([]string{strconv.FormatInt(r.Index, 10), r.Item, strconv.FormatInt(r.Size, 10), strconv.FormatBool(r.OK), strconv.Itoa(r.Exit),
			r.Signal, r.Reason, strconv.FormatFloat(r.Seconds, 'g', 6, 64), r.Found, r.Worker, strconv.Itoa(r.Attempt),
			r.Time.Format(time.RFC3339Nano), r.Output})
	}
	c.Flush()
	return c.Error()
}

func writeTable(w io.Writer, rows iter.Seq2[*v1alpha1.Result, error]) error {
	t := text.NewTable(w, "INDEX", "SIZE", "STATUS", "ATTEMPT", "WORKER", "TIME", "DETAIL")
	for r, err := range rows {
		if err != nil {
			return err
		}
		status, detail := "ok", r.Found
		if !r.OK {
			status, detail = "failed", r.Reason
		}
		t.Row(strconv.FormatInt(r.Index, 10), strconv.FormatInt(r.Size, 10), status, strconv.Itoa(r.Attempt), r.Worker,
			r.Time.Format(time.DateTime), detail)
	}
	return t.Flush()
}

func locateCommand(g *global) *cobra.Command {
	var item string
	cmd := &cobra.Command{
		Use: "locate NAME (INDEX | --item ITEM)", Short: "Tell where an item is, and who did it", Args: cmdline.Arguments(1, 2),
		ValidArgsFunction: g.completeLists,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			var p v1alpha1.Place
			var err error
			switch {
			case len(args) == 2 && item == "":
				index, parseErr := strconv.ParseInt(args[1], 10, 64)
				if parseErr != nil || index < 0 {
					return fmt.Errorf("index %q: must be an integer from 0 on; give an item with --item", args[1])
				}
				p, err = c.Locate(ctx, args[0], index)
			case len(args) == 1 && item != "":
				p, err = c.LocateItem(ctx, args[0], item)
			default:
				return fmt.Errorf("give either an index or --item")
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), text.Place(p))
			return err
		}),
	}
	cmd.Flags().StringVar(&item, "item", "", "the item itself, where the list's source can find it")
	return cmd
}
