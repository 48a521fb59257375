package node

import "time"

// Coarse is how much of so many measured bytes is said to be there.
var Coarse = coarse

// SetSilent sets how long podman may not answer, and returns what sets it back.
func SetSilent(d time.Duration) (back func()) {
	before := silent
	silent = d
	return func() { silent = before }
}
