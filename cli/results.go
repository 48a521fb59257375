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
	"teamtask.dev/client"
)

func resultsCommand(g *global) *cobra.Command {
	var filter client.ResultsFilter
	var output string
	cmd := &cobra.Command{
		Use: "results NAME", Short: "Export what became of items and blocks", Args: cobra.ExactArgs(1), ValidArgsFunction: g.completeLists,
		Long: "Export what became of items and blocks: first failures and found values, then what was done, each in the order in\nwhich it was counted. What is kept is set by the worklist's results policy.",
		Example: `  teamtask results primes --failed
  teamtask results primes -o csv > results.csv`,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			w := bufio.NewWriter(cmd.OutOrStdout())
			rows := c.Results(ctx, args[0], filter)
			var err error
			switch output {
			case "jsonl":
				err = writeJSONL(w, rows)
			case "csv":
				err = writeCSV(w, rows)
			case "table":
				err = writeTable(w, rows)
			default:
				return fmt.Errorf("-o %s: must be table, jsonl or csv", output)
			}
			if err != nil {
				return err
			}
			return w.Flush()
		}),
	}
	cmd.Flags().BoolVar(&filter.Failed, "failed", false, "only failures")
	cmd.Flags().BoolVar(&filter.Found, "found", false, "only found values")
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table, jsonl or csv")
	return cmd
}

// exportTo writes rows to a file, which is there whole or not at all: CSV if its name ends so, otherwise JSON lines.
func exportTo(name string, rows iter.Seq2[*v1alpha1.Result, error]) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("--results %s: %w", name, err)
		}
	}()
	f, err := os.CreateTemp(filepath.Dir(name), ".results-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	write := writeJSONL
	if strings.EqualFold(filepath.Ext(name), ".csv") {
		write = writeCSV
	}
	w := bufio.NewWriter(f)
	if err := write(w, rows); err != nil {
		return err
	}
	if err := errors.Join(w.Flush(), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
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
	c.Write([]string{"index", "size", "ok", "exit", "signal", "reason", "seconds", "found", "worker", "attempt", "time", "output"})
	for r, err := range rows {
		if err != nil {
			return err
		}
		c.Write([]string{strconv.FormatInt(r.Index, 10), strconv.FormatInt(r.Size, 10), strconv.FormatBool(r.OK), strconv.Itoa(r.Exit),
			r.Signal, r.Reason, strconv.FormatFloat(r.Seconds, 'g', 6, 64), r.Found, r.Worker, strconv.Itoa(r.Attempt),
			r.Time.Format(time.RFC3339Nano), r.Output})
	}
	c.Flush()
	return c.Error()
}

func writeTable(w io.Writer, rows iter.Seq2[*v1alpha1.Result, error]) error {
	t := newTable(w, "INDEX", "SIZE", "STATUS", "ATTEMPT", "WORKER", "TIME", "DETAIL")
	for r, err := range rows {
		if err != nil {
			return err
		}
		status, detail := "ok", r.Found
		if !r.OK {
			status, detail = "failed", r.Reason
		}
		t.row(strconv.FormatInt(r.Index, 10), strconv.FormatInt(r.Size, 10), status, strconv.Itoa(r.Attempt), r.Worker,
			r.Time.Format(time.DateTime), detail)
	}
	return t.flush()
}

func locateCommand(g *global) *cobra.Command {
	var item string
	cmd := &cobra.Command{
		Use: "locate NAME (INDEX | --item ITEM)", Short: "Tell where an item is, and who did it", Args: cobra.RangeArgs(1, 2),
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
			by := ""
			if p.Worker != "" {
				by = ", worker " + p.Worker
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "index %d: %s%s\n", p.Index, p.Place, by)
			return err
		}),
	}
	cmd.Flags().StringVar(&item, "item", "", "the item itself, where the list's source can find it")
	return cmd
}
