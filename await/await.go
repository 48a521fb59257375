// Package await is for what cannot be interrupted, for those who have to go on all the same: what a person types, or a pipe brings, may never
// come; and a file whose server is away holds up whoever touches it, for ever.
package await

import "context"

// Do does something, and returns what came of it, or ctx's error if ctx ends first. Then do is left to itself, with its goroutine: it has to be
// such as may still be done at any time, and it may not end before the process does.
func Do[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		value, err := do()
		done <- answer{value, err}
	}()
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
