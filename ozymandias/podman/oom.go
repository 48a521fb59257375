package podman

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// outOfMemory looks in the kernel's log whether something in the container of that id was ended for want of memory since it was
// started. Podman would say so itself, but conmon 2.1.6 misses it where control groups of version 1 hold the memory, and then a
// container seems to have been killed by nobody. A log that cannot be read says nothing.
func outOfMemory(id string, since time.Time) bool {
	log, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(log)
	var up unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &up) != nil {
		return false
	}
	boot := time.Now().Add(-time.Duration(up.Nano()))
	record := make([]byte, 16<<10)
	for {
		n, err := unix.Read(log, record)
		switch {
		case errors.Is(err, unix.EPIPE): // the one to be read was overwritten meanwhile
			continue
		case err != nil || n <= 0:
			return false
		}
		// Documentation/ABI/testing/dev-kmsg: "level,sequence,microseconds,flags;text".
		head, text, _ := strings.Cut(string(record[:n]), ";")
		if !strings.HasPrefix(text, "oom-kill:") || !strings.Contains(text, "/libpod-"+id) {
			continue
		}
		fields := strings.Split(head, ",")
		if len(fields) < 3 {
			continue
		}
		// The log's clock and this one may differ by a little; a container that ends at once is not started again so soon.
		if at, err := strconv.ParseInt(fields[2], 10, 64); err == nil && boot.Add(time.Duration(at)*time.Microsecond).After(since.Add(-time.Second)) {
			return true
		}
	}
}
