package work

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Why a list cannot be followed is told once; anew if it is another reason, or if all was well in between; and not with every attempt if each
// fails in its own way.
func TestRetry(t *testing.T) {
	const lasts = time.Hour
	for _, c := range []struct {
		name  string
		fails func(attempt int) error
		well  func(attempt int) bool // in the middle of that attempt
		most  int                    // tellings
		last  string                 // of them
	}{
		{name: "one reason", fails: func(int) error { return fmt.Errorf("connection refused") }, most: 1, last: "connection refused"},
		{name: "ports differ", fails: func(n int) error { return fmt.Errorf("read tcp 10.0.0.1:%d->10.0.0.2:7070: reset", 40000+n) }, most: 1,
			last: "read tcp 10.0.0.2:7070: reset"},
		{name: "reasons differ", fails: func(n int) error { return fmt.Errorf("request %d failed", n) }, most: fewInARow + int(lasts/thenEach)},
		{name: "another reason", fails: func(n int) error { return fmt.Errorf("reason %d", n/10) }, most: 1 + int(lasts/longest)/10 + 1},
		{name: "it recovers", fails: func(int) error { return fmt.Errorf("connection refused") }, well: func(n int) bool { return n == 3 }, most: 2,
			last: "connection refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, done := context.WithTimeout(t.Context(), lasts)
				defer done()
				attempts, said := 0, ""
				var told []string
				retry(ctx, func(context.Context) error {
					attempts++
					if c.well != nil && c.well(attempts) {
						said = ""
					}
					return c.fails(attempts)
				}, func() string { return said }, func(why string) {
					told, said = append(told, why), why
				})
				if attempts < int(lasts/longest) {
					t.Errorf("there were %d attempts", attempts)
				}
				if len(told) == 0 || len(told) > c.most {
					t.Errorf("of %d attempts %d were told of, want %d at most: %q", attempts, len(told), c.most, told)
				}
				if c.last != "" && (told[len(told)-1] != c.last || len(told) != c.most) {
					t.Errorf("it was told %q, want %q %d times", slices.Compact(told), c.last, c.most)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		retry(t.Context(), func(context.Context) error { return nil }, func() string { return "" }, func(why string) { t.Errorf("it was told %q", why) })
	})
}
