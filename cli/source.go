package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"teamtask.dev/items"
)

// sourceFlags say what the items of a list are.
type sourceFlags struct {
	size  int64
	rng   string
	lines string
}

func (s *sourceFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.rng, "range", "", "integers START..END or START..END..STEP, both ends included")
	f.StringVar(&s.lines, "lines", "", "the lines of a file")
	f.Int64Var(&s.size, "size", 0, "number of items, where they are just 0 to size-1")
}

// spec is the source that the flags describe; nil where they describe none. The lines of a file are indexed.
func (s *sourceFlags) spec(ctx context.Context) (*items.Spec, error) {
	out := items.Spec{Range: s.rng}
	if s.lines != "" {
		l, err := openLines(ctx, items.LinesSpec{Path: s.lines})
		if err != nil {
			return nil, err
		}
		path, err := filepath.Abs(s.lines)
		if err != nil {
			return nil, fmt.Errorf("--lines: %w", err)
		}
		spec := l.Spec(path)
		out.Lines = &spec
	}
	if out.Fingerprint() == (items.Spec{}).Fingerprint() {
		return nil, nil
	}
	if err := out.Validate(); err != nil {
		return nil, err
	}
	return &out, nil
}

// openLines opens and indexes a file. The file stays open as long as the process.
func openLines(ctx context.Context, s items.LinesSpec) (*items.Lines, error) {
	f, err := os.Open(s.Path)
	if err != nil {
		return nil, fmt.Errorf("--lines: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("--lines: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("--lines %s: is not a regular file; write the lines to one first", s.Path)
	}
	l, err := items.IndexLines(ctx, f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("--lines %s: %w", s.Path, err)
	}
	return l, nil
}
