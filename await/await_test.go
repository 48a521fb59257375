package await_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"teamtask.dev/await"
)

func TestDo(t *testing.T) {
	refused := errors.New("refused")
	for _, c := range []struct {
		name  string
		value int
		err   error
	}{{"it is done", 7, nil}, {"it fails", 0, refused}} {
		t.Run(c.name, func(t *testing.T) {
			value, err := await.Do(t.Context(), func() (int, error) { return c.value, c.err })
			if value != c.value || err != c.err {
				t.Errorf("%d, %v", value, err)
			}
		})
	}
}

// What hangs is left behind, and what it comes to one day is nobody's.
func TestNeverDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		hangs, over := make(chan struct{}), make(chan error, 1)
		go func() {
			value, err := await.Do(ctx, func() (int, error) { <-hangs; return 7, nil })
			if value != 0 {
				t.Error("a value with an error:", value)
			}
			over <- err
		}()
		synctest.Wait()
		select {
		case err := <-over:
			t.Fatal("it did not wait:", err)
		default:
		}
		cancel()
		if err := <-over; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		close(hangs) // or else this test would not end
	})
}
