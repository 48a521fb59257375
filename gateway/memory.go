package gateway

import (
	"context"
	"sync"
	"time"
)

// memory remembers answers for a while. Of several that ask the same at once one finds out.
type memory[K comparable, V any] struct {
	keep time.Duration

	mu      sync.Mutex
	answers map[K]*answer[V]
	swept   time.Time
}

type answer[V any] struct {
	once  sync.Once
	value V
	err   error
	until time.Time
}

func newMemory[K comparable, V any](keep time.Duration) *memory[K, V] {
	return &memory[K, V]{keep: keep, answers: map[K]*answer[V]{}}
}

// patience is how long an answer is waited for. It does not depend on who asked first: others may wait for it, too.
const patience = 10 * time.Second

// get is the answer that is remembered, or a new one. An error is not remembered.
func (m *memory[K, V]) get(ctx context.Context, key K, ask func(context.Context) (V, error)) (V, error) {
	now := time.Now()
	m.mu.Lock()
	if now.Sub(m.swept) > m.keep {
		for k, a := range m.answers {
			if now.After(a.until) {
				delete(m.answers, k)
			}
		}
		m.swept = now
	}
	a := m.answers[key]
	if a == nil || now.After(a.until) {
		a = &answer[V]{until: now.Add(m.keep)}
		m.answers[key] = a
	}
	m.mu.Unlock()
	a.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		a.value, a.err = ask(ctx)
	})
	if a.err != nil {
		m.mu.Lock()
		if m.answers[key] == a {
			delete(m.answers, key)
		}
		m.mu.Unlock()
	}
	return a.value, a.err
}
