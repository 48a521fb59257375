package node

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/placement"
)

const (
	// What is spared is left to the system and to the node itself: one part in so many, and of memory at least so much.
	sparedShare = 20
	sparedLeast = 256 << 20
	// scarce is how little disk makes the node unfit: images and logs could not be written.
	scarce = 256 << 20
	// What is measured is said in whole steps, 24.01G and not 24012676916: people read it, and what is free of it, in every refusal.
	step = 10_000_000
)

// capacity is what instances may have together.
func (n *Node) capacity() (placement.Resources, error) {
	c := n.Capacity
	if c.Memory == 0 {
		var info unix.Sysinfo_t
		if err := unix.Sysinfo(&info); err != nil {
			return c, fmt.Errorf("look how much memory there is: %w", err)
		}
		all := int64(info.Totalram) * int64(info.Unit)
		c.Memory = coarse(all - max(all/sparedShare, sparedLeast))
	}
	if c.CPU == 0 {
		c.CPU = int64(runtime.NumCPU()) * 1000
	}
	if c.Disk == 0 {
		free, err := n.free()
		if err != nil {
			return c, err
		}
		own, err := taken(filepath.Join(n.Dir, "volumes"))
		if err != nil {
			return c, err
		}
		all := free + own
		c.Disk = coarse(all - all/sparedShare - scarce) // a volume takes more than its space: the file system's own
	}
	return c, nil
}

// coarse is what there is at least of so many bytes, in whole steps.
func coarse(bytes int64) int64 { return max(0, bytes-bytes%step) }

// free is how much can be written to the file system of the node's directory.
func (n *Node) free() (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(n.Dir, &s); err != nil {
		return 0, fmt.Errorf("look how much disk %s has: %w", n.Dir, err)
	}
	return int64(s.Bavail) * s.Bsize, nil
}

// taken is the disk that the files of volumes take, which may be less than their sizes.
func taken(dir string) (bytes int64, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "disk"))
	if err != nil {
		return 0, fmt.Errorf("look how much disk volumes take: %w", err)
	}
	for _, file := range files {
		var s unix.Stat_t
		if err := unix.Stat(file, &s); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, fmt.Errorf("look how much disk volumes take: %w", err)
		}
		bytes += s.Blocks * 512 // stat(2): whatever the file system's blocks are
	}
	return bytes, nil
}

// load is the load average of the last minute over the processors, proc_loadavg(5), in hundredths: 1 is a machine that is just busy.
func load() float64 {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), " ")
	var average float64
	if _, err := fmt.Sscan(first, &average); err != nil {
		return 0
	}
	return math.Round(100*average/float64(runtime.NumCPU())) / 100
}
