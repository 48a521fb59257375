package gateway

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// remembered is how long a yes of the API server is gone by: a token that was revoked, or a right that was taken, is good for
	// that long still.
	remembered = 10 * time.Second
	// refused is how long a no is: for that long still a right that was given does not count. Whoever asks again and again does not
	// cost the API server more than a question in that time.
	refused = 2 * time.Second
	// doubted is how long after a yes a no is not held to be final: an API server that has just started does not know all
	// accounts and roles yet. Nobody is let in for that, but a worker is told to ask again, and not to end.
	doubted = 30 * time.Second
	// patience is how long an answer is waited for. It does not depend on who asked first: others may wait for it, too.
	patience = 10 * time.Second
	// strangers is how many questions are asked at a time about those who had no yes lately: whoever sends tokens that nobody
	// knows does not keep those from being answered that are at work.
	strangers = 32
	// mostRefused is how many answers there may be that a no is remembered at all.
	mostRefused = 10_000
)

// errDoubt means that what was yes lately is no now.
var errDoubt = errors.New("this was so until a moment ago, and the API server says that it is not; ask again")

// memory remembers what the API server answered, for a while. Of several that ask the same at once one asks for all. The zero
// value of an answer is no.
type memory[K, V comparable] struct {
	slots chan struct{} // for strangers

	mu      sync.Mutex
	answers map[K]*answer[V]
	swept   time.Time
}

type answer[V comparable] struct {
	known chan struct{} // closed once the other fields are set
	value V
	err   error
	until time.Time // how long it is gone by
	yes   time.Time // when there was a yes, last; zero: never
}

func newMemory[K, V comparable]() *memory[K, V] {
	return &memory[K, V]{slots: make(chan struct{}, strangers), answers: map[K]*answer[V]{}}
}

// get is the answer that is remembered, or a new one, which is gone by at most until the time that comes with it; zero: no bound.
// An error is not remembered.
func (m *memory[K, V]) get(ctx context.Context, key K, ask func(context.Context) (V, time.Time, error)) (V, error) {
	a, mine := m.find(key, time.Now())
	if mine {
		m.ask(ctx, key, a, ask)
	}
	var no V
	select {
	case <-a.known:
	case <-ctx.Done():
		return no, ctx.Err()
	}
	if a.err == nil && a.value == no && time.Since(a.yes) < doubted {
		return no, errDoubt
	}
	return a.value, a.err
}

// find is the answer to go by, or one that the caller is to find out.
func (m *memory[K, V]) find(key K, now time.Time) (a *answer[V], mine bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Sub(m.swept) > remembered {
		for k, a := range m.answers {
			if a.over(now) && now.Sub(a.yes) > doubted {
				delete(m.answers, k)
			}
		}
		m.swept = now
	}
	old := m.answers[key]
	if old != nil && !old.over(now) {
		return old, false
	}
	a = &answer[V]{known: make(chan struct{})}
	if old != nil {
		a.yes = old.yes
	}
	m.answers[key] = a
	return a, true
}

// over tells whether an answer is there, and too old.
func (a *answer[V]) over(now time.Time) bool {
	select {
	case <-a.known:
		return !now.Before(a.until)
	default:
		return false
	}
}

// ask finds an answer out. It goes on when who asked has gone: others may wait for it.
func (m *memory[K, V]) ask(ctx context.Context, key K, a *answer[V], ask func(context.Context) (V, time.Time, error)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	defer close(a.known)
	if time.Since(a.yes) > doubted {
		select {
		case m.slots <- struct{}{}:
			defer func() { <-m.slots }()
		case <-ctx.Done():
			a.err = ctx.Err()
			return
		}
	}
	begun := time.Now()
	var bound time.Time
	a.value, bound, a.err = ask(ctx)
	if a.err != nil {
		return
	}
	var no V
	if a.value != no {
		a.yes, a.until = begun, begun.Add(remembered)
		if !bound.IsZero() && bound.Before(a.until) {
			a.until = bound
		}
		return
	}
	a.until = begun.Add(refused)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.answers) > mostRefused && time.Since(a.yes) > doubted {
		delete(m.answers, key)
	}
}
