package gateway

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// says is a question with that answer, which counts how often it is asked.
type says struct {
	asked atomic.Int32
	value bool
	bound time.Time
	err   error
	hold  chan struct{} // if not nil, the answer comes when it is closed
}

func (s *says) ask(ctx context.Context) (bool, time.Time, error) {
	s.asked.Add(1)
	if s.hold != nil {
		select {
		case <-s.hold:
		case <-ctx.Done():
			return false, time.Time{}, ctx.Err()
		}
	}
	return s.value, s.bound, s.err
}

func (s *says) times(t *testing.T, n int32) {
	t.Helper()
	if got := s.asked.Load(); got != n {
		t.Errorf("asked %d times, want %d", got, n)
	}
}

func get(t *testing.T, m *memory[string, bool], key string, s *says, want bool, wantErr error) {
	t.Helper()
	if got, err := m.get(t.Context(), key, s.ask); got != want || !errors.Is(err, wantErr) {
		t.Errorf("%s: %t, %v; want %t, %v", key, got, err, want, wantErr)
	}
}

// An answer is asked for once, and again when it is old.
func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, yes, no := newMemory[string, bool](), &says{value: true}, &says{}
		for range 3 {
			get(t, m, "a", yes, true, nil)
			get(t, m, "b", no, false, nil)
		}
		yes.times(t, 1)
		no.times(t, 1)
		time.Sleep(remembered - 1)
		get(t, m, "a", yes, true, nil)
		yes.times(t, 1)
		time.Sleep(time.Nanosecond)
		get(t, m, "a", yes, true, nil)
		yes.times(t, 2)
	})
}

// A no is not gone by for as long as a yes: who was refused, and is then given the right, comes in soon.
func TestMemoryForgetsRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := newMemory[string, bool](), &says{}
		get(t, m, "a", s, false, nil)
		time.Sleep(refused - 1)
		get(t, m, "a", s, false, nil)
		s.times(t, 1)
		s.value = true
		time.Sleep(time.Nanosecond)
		get(t, m, "a", s, true, nil)
		s.times(t, 2)
	})
}

// What is known to end sooner is not gone by for longer: a token that expires.
func TestMemoryBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := newMemory[string, bool](), &says{value: true, bound: time.Now().Add(3 * time.Second)}
		get(t, m, "a", s, true, nil)
		time.Sleep(3*time.Second - 1)
		get(t, m, "a", s, true, nil)
		s.times(t, 1)
		time.Sleep(time.Nanosecond)
		s.value = false
		get(t, m, "a", s, false, errDoubt)
		s.times(t, 2)
	})
}

// An error goes to all who wait, and is not remembered.
func TestMemoryError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := newMemory[string, bool](), &says{err: errors.ErrUnsupported, hold: make(chan struct{})}
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { get(t, m, "a", s, false, errors.ErrUnsupported) })
		}
		synctest.Wait()
		close(s.hold)
		all.Wait()
		s.times(t, 1)
		get(t, m, "a", &says{value: true}, true, nil)
	})
}

// Who asked first may go: the others get their answer. Who asked later may go, too, and does not wait for it.
func TestMemoryCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := newMemory[string, bool](), &says{value: true, hold: make(chan struct{})}
		first, goFirst := context.WithCancel(t.Context())
		go m.get(first, "a", s.ask)
		synctest.Wait()
		goFirst()
		later, goLater := context.WithCancel(t.Context())
		left := make(chan error)
		go func() {
			_, err := m.get(later, "a", s.ask)
			left <- err
		}()
		synctest.Wait()
		goLater()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("who went: %v", err)
		}
		var stays sync.WaitGroup
		stays.Go(func() { get(t, m, "a", s, true, nil) })
		synctest.Wait()
		close(s.hold)
		stays.Wait()
		s.times(t, 1)
	})
}

// A no after a yes is doubted for a while, and held to be final then. It is never a yes.
func TestMemoryDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := newMemory[string, bool](), &says{value: true}
		get(t, m, "a", s, true, nil)
		s.value = false
		time.Sleep(remembered)
		get(t, m, "a", s, false, errDoubt)
		s.value = true // it was in doubt rightly
		time.Sleep(remembered)
		get(t, m, "a", s, true, nil)
		s.value = false
		for range 2 {
			time.Sleep(remembered)
			get(t, m, "a", s, false, errDoubt)
		}
		time.Sleep(remembered)
		get(t, m, "a", s, false, nil)
	})
}

// Strangers wait for each other, and nobody else for them.
func TestMemoryStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, known, stranger := newMemory[string, bool](), &says{value: true}, &says{hold: make(chan struct{})}
		get(t, m, "known", known, true, nil)
		var all sync.WaitGroup
		for i := range 10 * strangers {
			all.Go(func() { m.get(t.Context(), string(rune('0'+i)), stranger.ask) })
		}
		synctest.Wait()
		stranger.times(t, strangers)
		time.Sleep(remembered - 1)
		get(t, m, "known", known, true, nil)
		time.Sleep(time.Nanosecond)
		all.Wait() // their patience has ended
		m.mu.Lock()
		defer m.mu.Unlock()
		if len(m.slots) != 0 {
			t.Errorf("%d slots are taken by nobody", len(m.slots))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		m, known, stranger := newMemory[string, bool](), &says{value: true}, &says{hold: make(chan struct{})}
		get(t, m, "known", known, true, nil)
		time.Sleep(remembered)
		var all sync.WaitGroup
		for i := range 10 * strangers {
			all.Go(func() { m.get(t.Context(), string(rune('0'+i)), stranger.ask) })
		}
		synctest.Wait()
		get(t, m, "known", known, true, nil) // at once, although it has to be asked anew
		known.times(t, 2)
		close(stranger.hold)
		all.Wait()
	})
}

// However many tokens nobody knows, what is kept of them is bounded, and goes.
func TestMemoryBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, no, yes := newMemory[int, bool](), &says{}, &says{value: true}
		for i := range 3 * mostRefused {
			m.get(t.Context(), i, no.ask)
		}
		if n := len(m.answers); n > mostRefused {
			t.Errorf("%d answers are kept", n)
		}
		if ok, err := m.get(t.Context(), -1, yes.ask); !ok || err != nil {
			t.Errorf("%t, %v", ok, err)
		}
		time.Sleep(remembered + time.Nanosecond)
		m.get(t.Context(), 0, no.ask)
		if n := len(m.answers); n != 2 { // the yes is kept longer
			t.Errorf("%d answers are kept when all are old, want 2", n)
		}
		time.Sleep(doubted)
		m.get(t.Context(), 0, no.ask)
		if n := len(m.answers); n != 1 {
			t.Errorf("%d answers are kept", n)
		}
	})
}
