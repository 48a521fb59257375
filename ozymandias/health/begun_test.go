package health_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"teamtask.dev/ozymandias/health"
	"teamtask.dev/ozymandias/job"
)

// A command that is not begun in time tells nothing of the container; one that is begun, and does not end in time, does.
func TestBegun(t *testing.T) {
	for _, c := range []struct {
		name string
		ends func(context.Context) error
		want []string
	}{
		{"not begun", func(ctx context.Context) error { return fmt.Errorf("%w: %w", health.ErrNotBegun, ctx.Err()) }, []string{"0s well"}},
		{"begun", context.Context.Err, []string{"0s well", "55s unwell"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := told(t, command(), func(ctx context.Context, after time.Duration) (int, string, error) {
				if after <= 20*time.Second {
					return 0, "", nil
				}
				<-ctx.Done()
				return 0, "", c.ends(ctx)
			})
			if !slices.Equal(got, c.want) {
				t.Errorf("told %q, want %q", got, c.want)
			}
		})
	}
}

// Of what has never been well it is said that nobody begins the command.
func TestNeverBegun(t *testing.T) {
	var got string
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		target := health.Target{Exec: func(ctx context.Context, _ []string) (int, string, error) {
			<-ctx.Done()
			return 0, "", health.ErrNotBegun
		}}
		health.Watch(ctx, command(func(h *job.Healthcheck) { h.UnhealthyThreshold = 1 }), target, func(v health.Verdict) { got = v.Message; cancel() })
	})
	if want := "check: not begun within 5s"; got != want {
		t.Errorf("the message is %q, want %q", got, want)
	}
}
