package uptime

import (
	"time"

	"golang.org/x/sys/unix"
)

// now is CLOCK_BOOTTIME, of which clock_gettime(2) says that it counts the time in which the system is suspended.
func now() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return elapsed() // a kernel before 2.6.39
	}
	return time.Duration(t.Nano())
}
