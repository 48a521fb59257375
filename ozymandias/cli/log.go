package cli

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/pflag"
)

// LogFlags are those of a command that logs.
type LogFlags struct {
	format  string
	verbose bool
}

// AddTo adds them to a command's flags.
func (l *LogFlags) AddTo(f *pflag.FlagSet) {
	f.StringVar(&l.format, "log-format", "text", "text or json")
	f.BoolVarP(&l.verbose, "verbose", "v", false, "log more")
}

// Logger is the log that they ask for.
func (l *LogFlags) Logger(w io.Writer) (*slog.Logger, error) {
	o := &slog.HandlerOptions{Level: slog.LevelInfo}
	if l.verbose {
		o.Level = slog.LevelDebug
	}
	switch l.format {
	case "text":
		return slog.New(slog.NewTextHandler(w, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	}
	return nil, fmt.Errorf("--log-format %q: must be text or json", l.format)
}
