package controller

import (
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// What fails is tried again: soon at first, and never much later than leases last, however long the API server was away. So leases that
// ran out meanwhile are noticed, and lists go on by themselves.
func TestRetries(t *testing.T) {
	limiter, last := retries(), time.Duration(0)
	for n := range 100 {
		rest := limiter.When(reconcile.Request{})
		if n == 0 && rest > 10*time.Millisecond || rest < last || rest > time.Minute {
			t.Fatalf("after %d failures it rests for %s, and for %s before", n+1, rest, last)
		}
		last = rest
	}
}
