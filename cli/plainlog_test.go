package cli

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// What people read of a log is what is wrong; those who ask for more get all of it.
func TestPlainLog(t *testing.T) {
	var b strings.Builder
	other := slog.New(slog.DiscardHandler)
	log := (&global{logFormat: "text"}).plain(other, lines(&b))
	log.Info("joined")
	log.Warn("the worker cannot join yet, and tries again", "worker", "w", "error", errors.New("nobody is there"))
	log.With("swarm", "s").Error("it is over", "version", 3)
	if got, want := b.String(), "warning: the worker cannot join yet, and tries again: nobody is there\nerror: it is over version=3 swarm=s\n"; got != want {
		t.Errorf("%s", got)
	}
	for _, g := range []global{{logFormat: "json"}, {logFormat: "text", verbose: true}} {
		if g.plain(other, nil) != other {
			t.Errorf("%+v is not what was asked for", g)
		}
	}
}
