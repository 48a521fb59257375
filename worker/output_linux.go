package worker

import (
	"os"
	"strconv"
	"syscall"
)

// alone tells whether f is the only way to its file: no process, not even this one, has it open otherwise. That is the
// condition for a write lease, fcntl(2): "A write lease may be placed on a file only if there are no other open file
// descriptors for the file." A file system without leases always says no.
func alone(f *os.File) bool {
	_, _, held := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), syscall.F_SETLEASE, syscall.F_WRLCK)
	if held != 0 {
		return false
	}
	_, _, failed := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), syscall.F_SETLEASE, syscall.F_UNLCK)
	return failed == 0
}

// reopen opens a file that has no name any more, with a description of its own, see open(2). Not by os.OpenFile, which
// would first see whether the file can be polled.
func reopen(f *os.File) (*os.File, error) {
	name := "/proc/self/fd/" + strconv.Itoa(int(f.Fd()))
	fd, err := syscall.Open(name, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("open", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
