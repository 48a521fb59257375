package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// atOnce is how many jobs come together.
const atOnce = 20

// A way is one of getting something to run; took is how long each took.
type way struct {
	what  string
	run   func(context.Context, int) error
	clear func(ctx context.Context, from, to int) error
	took  []time.Duration
}

// submit measures how long it takes from a job file to an instance that passes its check, as the API tells it; and, in turn, how
// long it takes podman alone to run the same image and have an answer from it, by itself and in a pod, which is a container more.
func (b *bench) submit(ctx context.Context) error {
	var mu sync.Mutex
	var decided []time.Duration
	job := func(i int) string { return fmt.Sprintf("job-%d", i) }
	ways := []*way{
		{what: "until it is healthy", run: func(ctx context.Context, i int) error {
			begun := time.Now()
			if err := b.apply(ctx, file(job(i), 1, "")); err != nil {
				return err
			}
			mu.Lock()
			decided = append(decided, time.Since(begun))
			mu.Unlock()
			return b.up(ctx, job(i))
		}, clear: func(ctx context.Context, from, to int) error {
			var names []string
			for i := from; i < to; i++ {
				names = append(names, job(i))
			}
			return b.end(ctx, names...)
		}},
		{what: "podman alone, a pod with the container", run: func(ctx context.Context, i int) error { return b.plain.up(ctx, i, true) },
			clear: func(ctx context.Context, _, _ int) error { return b.plain.clear(ctx) }},
		{what: "podman alone, the container by itself", run: func(ctx context.Context, i int) error { return b.plain.up(ctx, i, false) },
			clear: func(ctx context.Context, _, _ int) error { return b.plain.clear(ctx) }},
	}
	number := 0
	round := func(n int) error {
		for _, w := range ways {
			took, err := together(n, func(i int) error { return w.run(ctx, number+i) })
			if err != nil {
				return err
			}
			w.took = append(w.took, took...)
			if err := w.clear(ctx, number, number+n); err != nil {
				return err
			}
		}
		number += n
		return nil
	}
	tell := func(what string) {
		row(what+": until it has a node", typical(decided), "")
		ours := quantile(ways[0].took, 0.5)
		for i, w := range ways {
			beside := ""
			if i > 0 {
				beside = fmt.Sprintf("Ozymandias takes %s times as long", times(ours, quantile(w.took, 0.5)))
			}
			row("  "+w.what, typical(w.took), beside)
			w.took = nil
		}
		decided = nil
	}
	for range b.jobs {
		if err := round(1); err != nil {
			return err
		}
	}
	tell("a job, submitted by itself")
	if err := round(atOnce); err != nil {
		return err
	}
	tell(fmt.Sprintf("a job, one of %d submitted at once", atOnce))
	return nil
}

// together does something n times at once, and tells how long each took.
func together(n int, do func(i int) error) ([]time.Duration, error) {
	took, faults := make([]time.Duration, n), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			begun := time.Now()
			faults[i] = do(i)
			took[i] = time.Since(begun)
		})
	}
	all.Wait()
	return took, errors.Join(faults...)
}
