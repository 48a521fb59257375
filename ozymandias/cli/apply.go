package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"teamtask.dev/await"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/text"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/jobfile"
)

// change is what becomes of a change, by its flags.
type change struct {
	room   client.Room
	output string
}

func (c *change) addTo(cmd *cobra.Command) {
	c.output = "name"
	cmd.Flags().BoolVar(&c.room.DryRun, "dry-run", false, "only say what it would come to: what would go where, what would move")
	cmd.Flags().BoolVar(&c.room.Wait, "wait-for-room", false, "take it though there is no room for all of it: what has none waits")
	cmdline.OutputFlag(cmd, cmd.Flags(), &c.output, "name", "json", "yaml")
}

// print says what became of it.
func (c *change) print(cmd *cobra.Command, a v1.Applied) error {
	warn(cmd, a.Warnings)
	w := cmd.OutOrStdout()
	if c.output != "name" {
		return text.Object(w, c.output, a)
	}
	dry := ""
	if a.DryRun {
		dry = " (dry run)"
	}
	for _, j := range a.Jobs {
		fmt.Fprintf(w, "job/%s %s%s\n", j.Name, j.Result, dry)
	}
	if a.DryRun {
		for _, p := range a.Forecast.Placed {
			fmt.Fprintf(w, "  %s would go to %s\n", p.Instance, p.Node)
		}
	}
	would := "moves"
	if a.DryRun {
		would = "would move"
	}
	for _, m := range a.Forecast.Moves {
		fmt.Fprintf(w, "  %s %s from %s to %s: %s\n", m.Instance, would, m.From, m.To, m.Why)
	}
	for _, waits := range a.Forecast.Waits {
		fmt.Fprintf(w, "  waits: %s\n", waits.Why)
	}
	return nil
}

func warn(cmd *cobra.Command, warnings []string) {
	for _, w := range warnings {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning:", w)
	}
}

func applyCommand(g *global) *cobra.Command {
	var files []string
	var how change
	cmd := &cobra.Command{
		Use:        "apply -f FILE",
		Short:      "Create jobs from a file, or change them to what it says",
		SuggestFor: []string{"create", "run", "up", "deploy"},
		Long: `Create jobs from a file, or change them to what it says. The file is a job file or a
docker-compose file, in YAML or JSON, with several documents separated by ---. The jobs of
a file are taken all or none; what does not fit is refused with the reason.`,
		Example: `  ozymandias apply -f webapp.yaml
  ozymandias apply -f webapp.yaml --dry-run
  ozymandias apply -f jobs/ -f -`,
		Args: cmdline.Arguments(0, 0),
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, _ []string) error {
			if len(files) == 0 {
				return errors.New("name the job file: -f FILE, -f DIRECTORY, or -f - for standard input")
			}
			sources, err := sources(files)
			if err != nil {
				return err
			}
			return forEach(sources, func(s source) error {
				body, err := s.read(ctx, cmd.InOrStdin())
				if err != nil {
					return err
				}
				applied, err := c.Apply(ctx, s.name, body, how.room)
				var refused *v1.Problem
				switch {
				case err == nil:
					return how.print(cmd, applied)
				case !errors.As(err, &refused):
					return err
				}
				warn(cmd, refused.Warnings)
				if len(sources) > 1 && len(refused.Faults) == 0 { // these say where they are
					err = fmt.Errorf("%s: %w", s.name, err)
				}
				return err
			})
		}),
	}
	cmd.Flags().StringArrayVarP(&files, "filename", "f", nil, "job file, or directory of job files; - for standard input")
	how.addTo(cmd)
	return cmd
}

// source is a job file.
type source struct{ name, path string }

// sources are the files that are named, and those in the directories that are.
func sources(names []string) (out []source, err error) {
	for _, name := range names {
		if name == "-" {
			out = append(out, source{name: "standard input"})
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			out = append(out, source{name, name})
			continue
		}
		entries, err := os.ReadDir(name)
		if err != nil {
			return nil, err
		}
		before := len(out)
		for _, entry := range entries {
			if slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(entry.Name())) && !entry.IsDir() {
				path := filepath.Join(name, entry.Name())
				out = append(out, source{path, path})
			}
		}
		if len(out) == before {
			return nil, fmt.Errorf("%s has no file that ends in .yaml, .yml or .json", name)
		}
	}
	return out, nil
}

// read reads the file; what is longer than any job file is, is refused by the node.
func (s source) read(ctx context.Context, stdin io.Reader) ([]byte, error) {
	in := stdin
	if s.path != "" {
		f, err := os.Open(s.path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	body, err := await.Do(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(in, jobfile.MaxSize+1)) })
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.name, err)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, fmt.Errorf("%s is empty: write a job, beginning with its name and containers", s.name)
	}
	return body, nil
}
