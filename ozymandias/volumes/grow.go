package volumes

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/schedule"
)

// grow gives a volume more space. It is unmounted for that if nobody uses it, as growing what is mounted takes a capability
// (CAP_SYS_RESOURCE) that not every root has. It can be done again wherever it was broken off.
func (d disk) grow(ctx context.Context, v schedule.Volume) error {
	file, err := d.open(ctx)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := d.enlarge(ctx, file, Size(v.Space)); err != nil {
		return fmt.Errorf("make it larger: %w", err)
	}
	return writeRecord(d.dir, v)
}

func (d disk) enlarge(ctx context.Context, file *os.File, size int64) error {
	status, err := file.Stat()
	if err != nil {
		return err
	}
	if err := reserve(file, max(size, status.Size())); err != nil {
		return errors.Join(err, file.Truncate(status.Size())) // the rest is of no use
	}
	err = d.leave(ctx, file)
	if err == nil {
		if err := check(ctx, file, true); err != nil {
			return err
		}
		return resize(file, file.Name())
	}
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	device, err := deviceOf(file)
	if err != nil {
		return err
	}
	if device == nil {
		return errors.New("it was in use until this moment") // and is asked for again
	}
	defer device.Close()
	// Only if it is mounted here does resize2fs know that it is mounted.
	if mounted, _, err := d.mounted(); err != nil {
		return err
	} else if !mounted {
		if err := d.show(device); err != nil {
			return err
		}
	}
	if err := unix.IoctlSetInt(int(device.Fd()), unix.LOOP_SET_CAPACITY, 0); err != nil {
		return fmt.Errorf("tell %s the size of its file: %w", device.Name(), err)
	}
	if err := resize(file, device.Name()); err != nil {
		return fmt.Errorf("it is in use, and could not be made larger meanwhile: %w", err)
	}
	return nil
}
