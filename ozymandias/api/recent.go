package api

import (
	"context"
	"sync"
	"time"
)

// readWithin is how long etcd may take to say something.
const readWithin = 5 * time.Second

// A recent is a copy of something that is in etcd, no older than whoever asks bears. However many ask, and whoever they are, etcd is asked no
// more often than that takes.
type recent[T any] struct {
	read func(context.Context) (T, error)

	mu   sync.Mutex
	last *reading[T]
	good T // what was read last without an error
}

// A reading is under way, or done.
type reading[T any] struct {
	begun time.Time
	done  chan struct{} // closed when the others are set
	value T
	err   error
}

// since is what was read at that time or later. That it could not be read is an answer like any other; with the error comes what it was the last
// time that it could.
func (r *recent[T]) since(ctx context.Context, earliest time.Time) (T, error) {
	r.mu.Lock()
	last, mine := r.last, false
	if last == nil || last.begun.Before(earliest) {
		last, mine = &reading[T]{begun: time.Now(), done: make(chan struct{})}, true
		r.last = last
	}
	r.mu.Unlock()
	if mine {
		r.take(ctx, last)
	}
	select {
	case <-last.done:
		return last.value, last.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// take reads. Others may wait for it, so it goes on when the one who happened to come first has gone.
func (r *recent[T]) take(ctx context.Context, into *reading[T]) {
	defer close(into.done)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readWithin)
	defer cancel()
	value, err := r.read(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.good = value
	}
	into.value, into.err = r.good, err
}
