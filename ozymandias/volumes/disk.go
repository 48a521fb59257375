package volumes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/schedule"
)

// disk is a volume's directory: the file that has the file system, and where that is mounted.
type disk struct{ dir string }

func (d disk) file() string  { return filepath.Join(d.dir, "disk") }
func (d disk) point() string { return filepath.Join(d.dir, "mount") }
func (d disk) data() string  { return filepath.Join(d.point(), "data") }

// skeleton is what a new file system begins with.
func (d disk) skeleton() string { return filepath.Join(d.dir, "skeleton") }

// make makes all there is of a volume.
func (d disk) make(ctx context.Context, v schedule.Volume) error {
	for _, dir := range []string{d.dir, d.point(), d.skeleton()} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	data := filepath.Join(d.skeleton(), "data")
	if err := os.Mkdir(data, 0o777); err != nil {
		return err
	}
	if err := os.Chmod(data, 0o777); err != nil { // whatever the umask is
		return err
	}
	if err := os.Chmod(d.skeleton(), 0o755); err != nil { // which is the file system's root
		return err
	}
	file, err := os.OpenFile(d.file(), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := reserve(file, Size(v.Space)); err != nil {
		return err
	}
	if err := format(ctx, file, v.Space, d.skeleton()); err != nil {
		return err
	}
	if err := reserve(file, Size(v.Space)); err != nil { // mke2fs makes a hole of what is to be zero
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := errors.Join(os.Remove(data), os.Remove(d.skeleton())); err != nil {
		return err
	}
	return writeRecord(d.dir, v)
}

// scrap deletes a volume's directory, whatever of it is there, by the names of what can be: were anything else in it, or anything
// mounted, it would be left.
func (d disk) scrap(ctx context.Context) error {
	if err := d.release(ctx); err != nil {
		return err
	}
	entries, err := os.ReadDir(d.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	known := []string{d.file(), filepath.Join(d.skeleton(), "data"), d.skeleton(), d.point()}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), recordFile) { // it, or what package durable has left of it
			known = append(known, filepath.Join(d.dir, entry.Name()))
		}
	}
	for _, name := range append(known, d.dir) {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// open opens the file and waits until no program works on it that an earlier process has left. Whoever closes it lets others in.
func (d disk) open(ctx context.Context) (*os.File, error) {
	file, err := os.OpenFile(d.file(), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	err = retry(ctx, 0, func() error { return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) }, unix.EWOULDBLOCK)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("wait until nothing works on %s: %w", d.file(), err), file.Close())
	}
	return file, nil
}

// mount mounts the file system unless it is mounted. One that turned read-only, as ext4 does after an error, is mounted anew, with a check.
func (d disk) mount(ctx context.Context) error {
	file, err := d.open(ctx)
	if err != nil {
		return err
	}
	defer file.Close()
	status, err := file.Stat()
	if err != nil {
		return err
	}
	// A loop device makes holes of what ext4 wants to be zero. If the disk has no room for them now, what is there can still be used.
	if err := reserve(file, status.Size()); err != nil && !errors.Is(err, unix.ENOSPC) {
		return err
	}
	mounted, writable, err := d.mounted()
	if err != nil || mounted && writable {
		return err
	}
	if mounted {
		if err := d.leave(ctx, file); err != nil {
			return fmt.Errorf("it has turned read-only, and is to be mounted anew: %w", err)
		}
	}
	// It may be mounted where it cannot be seen from here: then by this device, and to mount it again by the same one is safe, which
	// by another one is not.
	device, err := deviceOf(file)
	if err != nil {
		return err
	}
	if device == nil {
		if err := check(ctx, file, false); err != nil {
			return err
		}
		if device, err = attach(ctx, file); err != nil {
			return err
		}
	}
	defer device.Close()
	return d.show(device)
}

// show mounts the file system that a device has. From then on the device is there for as long as it is mounted.
func (d disk) show(device *os.File) error {
	// Inode tables are not written in advance: that would give blocks of the file back that were taken for them.
	if err := unix.Mount(device.Name(), d.point(), "ext4", unix.MS_NODEV|unix.MS_NOSUID, "errors=remount-ro,noinit_itable"); err != nil {
		return fmt.Errorf("mount %s on %s: %w", device.Name(), d.point(), err)
	}
	return nil
}

// mounted tells whether anything is mounted on the mount point.
func (d disk) mounted() (mounted, writable bool, err error) {
	var outer, inner unix.Stat_t
	if err := unix.Lstat(d.dir, &outer); err != nil {
		return false, false, fmt.Errorf("look at %s: %w", d.dir, err)
	}
	if err := unix.Lstat(d.point(), &inner); err != nil {
		return false, false, fmt.Errorf("look at %s: %w", d.point(), err)
	}
	var s unix.Statfs_t
	if err := unix.Statfs(d.point(), &s); err != nil {
		return false, false, fmt.Errorf("look at %s: %w", d.point(), err)
	}
	return inner.Dev != outer.Dev, s.Flags&unix.ST_RDONLY == 0, nil
}

// lingers is for how long what is no longer in use may look as if it were: containers and their mounts end piece by piece, and other
// programs of the machine, as udev, look into devices.
const lingers = 3 * time.Second

// unmount unmounts the file system if it is mounted. It does so properly or not at all: were it only hidden, programs would go on
// writing to what is taken to be free.
func (d disk) unmount(ctx context.Context) error {
	err := retry(ctx, lingers, func() error { return unix.Unmount(d.point(), unix.UMOUNT_NOFOLLOW) }, unix.EBUSY)
	switch {
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT): // it is no mount point
		return nil
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("%s is in use: a program has files open or a working directory there: %w", d.point(), err)
	case err != nil:
		return fmt.Errorf("unmount %s: %w", d.point(), err)
	}
	return nil
}

// release is leave, for which there need be no file.
func (d disk) release(ctx context.Context) error {
	file, err := d.open(ctx)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	return d.leave(ctx, file)
}

// leave unmounts the file system and waits until nobody else has it either. The error is unix.EBUSY if somebody does.
func (d disk) leave(ctx context.Context, file *os.File) error {
	if err := d.unmount(ctx); err != nil {
		return err
	}
	return retry(ctx, lingers, func() error {
		device, err := deviceOf(file)
		if err != nil || device == nil {
			return err
		}
		fault := fmt.Errorf("it is in use: %s is mounted elsewhere, as in a container or in another mount namespace: %w", device.Name(), unix.EBUSY)
		return errors.Join(fault, device.Close())
	}, unix.EBUSY)
}

// retry does something until its error is another one than that, for some time, or if that is 0 for as long as ctx lasts.
func retry(ctx context.Context, patience time.Duration, do func() error, while error) error {
	var over <-chan time.Time
	if patience > 0 {
		over = time.After(patience)
	}
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := do()
		if !errors.Is(err, while) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-over:
			return err
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}
