package node

import "time"

// SetSilent sets how long podman may not answer, and returns what sets it back.
func SetSilent(d time.Duration) (back func()) {
	before := silent
	silent = d
	return func() { silent = before }
}
