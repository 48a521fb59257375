// Package uptime is the clock that leases of workers and nodes are counted on: one that nobody sets, and that on Linux goes on while
// the machine sleeps. The clock behind time.Now stands still meanwhile, so that a laptop that was shut would believe in a lease that
// ran out hours ago.
package uptime

import "time"

// Now is how long ago some fixed moment was, the same for all processes of one boot of the machine where the system has such a clock.
func Now() time.Duration { return now() }

var begun = time.Now()

// elapsed is Go's monotonic clock, for systems without a better one.
func elapsed() time.Duration { return time.Since(begun) }
