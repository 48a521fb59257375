package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What comes forward may take as long as it takes; what does not is given up, and says so; and a person may end it at any time.
func TestAttended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		person, interrupt := context.WithCancel(t.Context())
		ctx, step, done := attended(person, time.Minute)
		defer done()
		for range 100 {
			time.Sleep(59 * time.Second)
			step()
		}
		if ctx.Err() != nil {
			t.Fatalf("it was given up: %v", context.Cause(ctx))
		}
		time.Sleep(time.Minute + time.Second)
		if cause := context.Cause(ctx); cause == nil || !strings.Contains(cause.Error(), "nothing more has gone within 1m0s") {
			t.Errorf("it ends with %v", cause)
		}
		ctx, _, done = attended(person, time.Minute)
		defer done()
		interrupt()
		if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
			t.Errorf("interrupted, it ends with %v", cause)
		}
	})
}
