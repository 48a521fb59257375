package member

import "time"

var begun = time.Now()

// elapsed is Go's monotonic clock.
func elapsed() time.Duration { return time.Since(begun) }
