package chaos

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// mostWrites is more than a story takes. One that never ends, as its tests are not among those to be run, ends there.
const mostWrites = 1000

// EachWrite has a story told with a manager that is killed after its n-th write, for n from 1 on, until one has come to its end without:
// tell says whether the manager was killed.
func EachWrite(t *testing.T, tell func(t *testing.T, n int64) (killed bool)) {
	var enough atomic.Bool
	var last, told atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for n := last.Add(1); n <= mostWrites && !enough.Load() && !t.Failed(); n = last.Add(1) {
				t.Run(fmt.Sprintf("n=%d", n), func(t *testing.T) {
					if !tell(t, n) {
						enough.Store(true)
					}
					told.Add(1)
				})
			}
		})
	}
	all.Wait()
	if told.Load() == mostWrites {
		t.Errorf("the story does not end: its manager writes over %d times", mostWrites)
	}
	t.Logf("killed after each of %d writes", told.Load())
}
