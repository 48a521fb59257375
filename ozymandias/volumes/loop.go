package volumes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// deviceOf opens the loop device that has a file; nil if none has. As long as it is open it stays.
func deviceOf(file *os.File) (*os.File, error) {
	var own unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &own); err != nil {
		return nil, fmt.Errorf("look at %s: %w", file.Name(), err)
	}
	// Only those in use have that directory.
	used, err := filepath.Glob("/sys/block/loop*/loop")
	if err != nil {
		return nil, err
	}
	for _, dir := range used {
		device, err := os.Open("/dev/" + filepath.Base(filepath.Dir(dir))) // for reading, as others may have some that are read-only
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENXIO) {
			continue // it is gone
		}
		if err != nil {
			return nil, err
		}
		status, err := unix.IoctlLoopGetStatus64(int(device.Fd()))
		if err == nil && status.Device == own.Dev && status.Inode == own.Ino {
			return device, nil
		}
		if err := device.Close(); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// attach gives a file a loop device, which goes by itself once it is neither open nor mounted.
func attach(ctx context.Context, file *os.File) (device *os.File, err error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("there are no loop devices (does the kernel have its module loop?): %w", err)
	}
	defer control.Close()
	// The device keeps what it is given open, so that is not to be the one that is locked.
	given, err := os.OpenFile(file.Name(), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer given.Close()
	// Between the asking for a free one and the taking another process may take it.
	err = retry(ctx, 0, func() error {
		number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return fmt.Errorf("find a free loop device: %w", err)
		}
		free, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", number), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		config := unix.LoopConfig{Fd: uint32(given.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
		if err := unix.IoctlLoopConfigure(int(free.Fd()), &config); err != nil { // since Linux 5.8
			return errors.Join(fmt.Errorf("give %s to %s: %w", free.Name(), file.Name(), err), free.Close())
		}
		device = free
		return nil
	}, unix.EBUSY)
	return device, err
}
