package api

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// counted is how often it was read, and takes a second for it. It cannot be read at those times.
func counted(failures ...int) *recent[int] {
	times := 0
	return &recent[int]{read: func(ctx context.Context) (int, error) {
		times++
		n := times
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		if slices.Contains(failures, n) {
			return n, errBroken
		}
		return n, nil
	}}
}

var errBroken = errors.New("broken")

// However many ask, it is read once; it is read again for who wants to have it newer. An error is as good as another answer, and comes with the
// last that was none.
func TestRecent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := counted(1, 3, 4)
		ask := func(earliest time.Time, want int, wrong error) {
			t.Helper()
			if got, err := r.since(t.Context(), earliest); got != want || err != wrong {
				t.Errorf("%d, %v, want %d, %v", got, err, want, wrong)
			}
		}
		begin := time.Now()
		var asking sync.WaitGroup
		for range 100 {
			asking.Go(func() { ask(begin.Add(-time.Minute), 0, errBroken) })
		}
		asking.Wait()
		ask(begin, 0, errBroken) // it was begun then, and has ended a second later
		ask(begin.Add(1), 2, nil)
		ask(begin.Add(time.Second), 2, nil)
		ask(time.Now(), 2, errBroken)
		ask(time.Now(), 2, errBroken)
		ask(time.Now(), 5, nil)
	})
}

// Who waits for what another reads gets it, though the other has gone; and waits no longer than it wants.
func TestRecentOfWhoHasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := counted()
		first, leave := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		asking.Go(func() { _, _ = r.since(first, time.Now()) })
		synctest.Wait()
		asking.Go(func() {
			if got, err := r.since(t.Context(), time.Now()); got != 1 || err != nil {
				t.Errorf("%d, %v", got, err)
			}
		})
		asking.Go(func() {
			short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if _, err := r.since(short, time.Now()); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("whoever has no patience: %v", err)
			}
		})
		synctest.Wait()
		leave()
		asking.Wait()
	})
}

// An etcd that does not answer is not waited for without end.
func TestRecentOfTheSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recent[int]{read: func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }}
		if _, err := r.since(t.Context(), time.Now()); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
