package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Group is a control group, and all below it. It need not exist.
type Group struct {
	// dirs are where the kernel shows it: one directory with version 2, also beside version 1 ("hybrid"), or with version 1 alone
	// one for each hierarchy.
	dirs    []string
	unified bool
	// also are those with version 1 beside version 2: nothing is looked for there, but podman makes them and leaves them.
	also []string
}

// Find returns the group of that path, such as "ozymandias/n1", counted from the root of the hierarchy.
func Find(path string) (Group, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return Group{}, fmt.Errorf("look where control groups are mounted: %w", err)
	}
	defer f.Close()
	var old, unified []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		switch at, kind := mount(lines.Text()); kind {
		case "cgroup2":
			unified = append(unified, filepath.Join(at, path))
		case "cgroup":
			old = append(old, filepath.Join(at, path))
		}
	}
	switch {
	case len(unified) > 0:
		return Group{dirs: unified[:1], unified: true, also: old}, nil
	case len(old) > 0:
		return Group{dirs: old}, nil
	}
	return Group{}, errors.New("control groups are mounted nowhere: mount them, usually on /sys/fs/cgroup")
}

// mount reads a line of /proc/PID/mountinfo, proc_pid_mountinfo(5): where something is mounted, and the kind of its file system.
func mount(line string) (at, kind string) {
	before, after, _ := strings.Cut(line, " - ")
	fields := strings.Fields(before)
	if len(fields) < 5 {
		return "", ""
	}
	kind, _, _ = strings.Cut(after, " ")
	return fields[4], kind
}

// Beside is the group of that name which has the same parent.
func (g Group) Beside(name string) Group {
	beside := Group{unified: g.unified}
	for _, dir := range g.dirs {
		beside.dirs = append(beside.dirs, filepath.Join(filepath.Dir(dir), name))
	}
	for _, dir := range g.also {
		beside.also = append(beside.also, filepath.Join(filepath.Dir(dir), name))
	}
	return beside
}

// Enter puts this process into the group, which is made if it is not there.
func (g Group) Enter() error {
	for _, dir := range g.dirs {
		if err := enter(dir); err != nil && !g.unified && errors.Is(err, syscall.ENOSPC) {
			continue // version 1's cpuset takes no process before it was told of processors; it ends none either
		} else if err != nil {
			return fmt.Errorf("enter control group %s: %w", dir, err)
		}
	}
	return nil
}

func enter(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0) // 0 is who writes; cgroups(7)
}

// Kill ends all that runs in the group and below, as SIGKILL does. What is started there after it returns is not ended.
func (g Group) Kill() error {
	if g.unified {
		// The kernel ends also what is being started meanwhile; cgroups(7), cgroup.kill, from Linux 5.14 on.
		err := os.WriteFile(filepath.Join(g.dirs[0], "cgroup.kill"), []byte("1"), 0)
		if err == nil {
			return nil
		}
		if _, gone := os.Stat(g.dirs[0]); errors.Is(gone, fs.ErrNotExist) {
			return nil
		}
	}
	// One by one, until none is left: a program may start another while it is being ended. Each round ends those that the one
	// before saw start, so a program that forks all the time is caught when it is slower than this for once.
	for range 1000 {
		processes, err := g.Processes()
		if err != nil || len(processes) == 0 {
			return err
		}
		for _, pid := range processes {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("kill process %d: %w", pid, err)
			}
		}
	}
	return errors.New("programs start others faster than they can be killed")
}

// Processes are those in the group and below, in no order. One that has ended and was not waited for is not among them.
func (g Group) Processes() ([]int, error) {
	seen := map[int]bool{}
	for _, dir := range g.dirs {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil // the group ended while it was looked at
			case err != nil:
				return err
			case entry.Name() == "cgroup.procs":
				return read(path, seen)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("look what runs in control group %s: %w", dir, err)
		}
	}
	processes := make([]int, 0, len(seen))
	for pid := range seen {
		processes = append(processes, pid)
	}
	return processes, nil
}

// read puts the processes listed in a file into seen, but for those that have ended.
func read(path string, seen map[int]bool) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, field := range strings.Fields(string(b)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if !seen[pid] && runs(pid) {
			seen[pid] = true
		}
	}
	return nil
}

// runs says whether a process has not ended. With version 1, one that was not waited for stays listed.
func runs(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	// proc_pid_stat(5): the name stands in parentheses and may contain some itself; the state follows.
	_, state, _ := strings.Cut(string(b[strings.LastIndexByte(string(b), ')'):]), " ")
	if !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X") {
		return true
	}
	// The first thread has ended. Others may run on: as long as they do they are listed with it.
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	return err == nil && len(threads) > 1
}

// Remove removes the group and all below it, in all hierarchies. Something that still runs there is an error. What has ended leaves its group only once the
// kernel has taken back its memory: for that it waits, up to a second.
func (g Group) Remove() error {
	for try := 0; ; try++ {
		err := g.remove()
		if !errors.Is(err, syscall.EBUSY) || try == 100 {
			return err
		}
		if left, look := g.Processes(); look != nil || len(left) > 0 {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (g Group) remove() error {
	for _, dir := range slices.Concat(g.dirs, g.also) {
		var below []string
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && entry.IsDir() {
				below = append(below, path)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("look for control groups below %s: %w", dir, err)
		}
		for i := len(below) - 1; i >= 0; i-- { // the innermost first
			if err := os.Remove(below[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove control group %s: %w", below[i], err)
			}
		}
	}
	return nil
}
