package member

import (
	"time"

	"golang.org/x/sys/unix"
)

// uptime is a clock that goes on while the machine sleeps, as clock_gettime(2) says of CLOCK_BOOTTIME, and that nobody sets. The
// clock behind time.Now stands still meanwhile, so that a laptop that was shut would believe in a lease that ran out hours ago.
func uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return elapsed() // a kernel before 2.6.39
	}
	return time.Duration(t.Nano())
}
