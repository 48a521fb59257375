//go:build !linux

package member

import "time"

// uptime is a clock that nobody sets. Whether it goes on while the machine sleeps depends on the system.
func uptime() time.Duration { return elapsed() }
