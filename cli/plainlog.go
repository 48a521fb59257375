package cli

import (
	"context"
	"log/slog"
	"strings"
)

// plainLog writes warnings and errors as lines among others that a command says to people: what there is to know besides is the error.
type plainLog struct {
	say   func(format string, args ...any)
	level slog.Level
	attrs []slog.Attr
}

// plain is a log in lines, unless another is asked for: of JSON, or of more than warnings.
func (g *global) plain(log *slog.Logger, say func(string, ...any)) *slog.Logger {
	if g.verbose || g.logFormat != "text" {
		return log
	}
	return slog.New(plainLog{say: say, level: slog.LevelWarn})
}

func (l plainLog) Enabled(_ context.Context, level slog.Level) bool { return level >= l.level }

func (l plainLog) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	kind := "warning: "
	if r.Level >= slog.LevelError {
		kind = "error: "
	}
	b.WriteString(kind + r.Message)
	r.AddAttrs(l.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "worker": // it is this one
		case "error":
			b.WriteString(": " + a.Value.String())
		default:
			b.WriteString(" " + a.String())
		}
		return true
	})
	l.say("%s", b.String())
	return nil
}

func (l plainLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	l.attrs = append(l.attrs[:len(l.attrs):len(l.attrs)], attrs...)
	return l
}

// WithGroup leaves groups out: nothing here has names that come twice.
func (l plainLog) WithGroup(string) slog.Handler { return l }
