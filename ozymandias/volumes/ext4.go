package volumes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// What a file system is made with, mke2fs(8).
const (
	block = 4096 // bytes
	// bytesPerInode is half of mke2fs's own for disks of this size, a quarter for smaller: many volumes are small, and have small files.
	bytesPerInode = 8192
	inodeSize     = 256 // bytes
)

// journal is how large it is, in MiB: 4 is the least, and what mke2fs itself would give the smallest; from 4 GiB of space on, 64 do.
func journal(space int64) int64 { return min(max(space>>26, 4), 64) }

// Size is how much disk a volume takes that has so much space for files; both in bytes. Inodes take 1/32; ext4 keeps 1/50, at most 16 MiB,
// for its own need while it writes; there is the journal; maps, descriptors and those kept for growing take less than 1/100; and in less
// than 8 MiB mke2fs makes no journal.
func Size(space int64) int64 {
	size := space + space/(bytesPerInode/inodeSize) + min(space/50, 16<<20) + journal(space)<<20 + space/100 + 4<<20
	return (size + block - 1) / block * block
}

// reserve makes a file so large, and takes all its blocks on the disk where the file system can. What has been written stays.
func reserve(file *os.File, size int64) error {
	for {
		err := unix.Fallocate(int(file.Fd()), 0, 0, size)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EOPNOTSUPP):
			err = nil
			if status, fault := file.Stat(); fault != nil || status.Size() < size {
				err = errors.Join(fault, file.Truncate(size))
			}
		}
		if err != nil {
			return fmt.Errorf("take %d bytes for %s: %w", size, file.Name(), err)
		}
		return nil
	}
}

// format makes a file system in a file, with what is in a directory. Nothing is discarded, as that would give the file's blocks back for
// others to take.
func format(ctx context.Context, file *os.File, space int64, content string) error {
	return run(exec.CommandContext(ctx, find("mkfs.ext4"), "-q", "-F", "-m", "0",
		"-b", strconv.Itoa(block), "-i", strconv.Itoa(bytesPerInode), "-I", strconv.Itoa(inodeSize),
		"-J", "size="+strconv.FormatInt(journal(space), 10), "-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1", "-d", content, file.Name()), file)
}

// check checks a file system that is not mounted, and repairs what can be repaired without asking anybody. If it was unmounted properly
// that is the matter of a moment, unless it is to be thorough. It is not broken off with the context, nor is it with this process.
func check(ctx context.Context, file *os.File, thorough bool) error {
	arguments := []string{"-p", file.Name()}
	if thorough {
		arguments = slices.Insert(arguments, 0, "-f")
	}
	err := run(exec.CommandContext(context.WithoutCancel(ctx), find("e2fsck"), arguments...), file)
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() >= 0 && ended.ExitCode() < 4 { // 1 and 2: it was repaired, e2fsck(8)
		return nil
	}
	if err != nil {
		return fmt.Errorf("the file system is damaged; try e2fsck %s by hand: %w", file.Name(), err)
	}
	return nil
}

// resize makes a file system, in the file or mounted by a device, as large as that. It is never broken off.
func resize(file *os.File, name string) error {
	return run(exec.Command(find("resize2fs"), name), file)
}

// run runs a program that works on a file that is locked. It stays locked until the program ends, even if we end before.
func run(program *exec.Cmd, file *os.File) error {
	var said bytes.Buffer
	program.Stdout, program.Stderr = &said, &said
	program.Env = append(os.Environ(), "LC_ALL=C")
	program.ExtraFiles = []*os.File{file}
	if err := program.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(program.Path), err, strings.Join(strings.Fields(said.String()), " "))
	}
	return nil
}

// find finds a program of e2fsprogs, which may not be in the $PATH of a service. If there is none the name is left as it is.
func find(name string) string {
	for _, dir := range []string{"", "/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return name
}

// present says which programs are missing.
func present() error {
	for _, name := range []string{"mkfs.ext4", "e2fsck", "resize2fs"} {
		if !filepath.IsAbs(find(name)) {
			return fmt.Errorf("volumes need the program %s: install Debian's package e2fsprogs (apt-get install e2fsprogs)", name)
		}
	}
	return nil
}
