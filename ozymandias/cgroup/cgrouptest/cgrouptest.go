// Package cgrouptest makes control groups for tests. It needs root and a unified hierarchy, also beside version 1.
package cgrouptest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/cgroup"
)

// Root is where the unified hierarchy is mounted.
func Root(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[2] == "cgroup2" {
			return fields[1]
		}
	}
	t.Fatal("no unified hierarchy of control groups is mounted (mount -t cgroup2 none /sys/fs/cgroup/unified)")
	return ""
}

// Make makes a group that is this test process's own, and removes it at the end with all that runs in it. It returns the group's
// path, and what puts a process into it.
func Make(t *testing.T, name string) (path string, enter func(pid int)) {
	t.Helper()
	path = filepath.Join(fmt.Sprintf("ozymandias-test-%d", os.Getpid()), name)
	dir := filepath.Join(Root(t), path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatalf("make a control group, as root: %v", err)
	}
	t.Cleanup(func() {
		group, err := cgroup.Find(filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		if err := group.Kill(); err != nil {
			t.Error(err)
		}
		Empty(t, group)
		if err := group.Remove(); err != nil {
			t.Error(err)
		}
	})
	return path, func(pid int) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), fmt.Append(nil, pid), 0); err != nil {
			t.Fatalf("put a process into the control group %s: %v", path, err)
		}
	}
}

// Empty waits until nothing runs in the group: what was killed ends a moment later.
func Empty(t *testing.T, group cgroup.Group) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		processes, err := group.Processes()
		if err != nil {
			t.Fatal(err)
		}
		if len(processes) == 0 {
			return
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("processes %v still run", processes)
		}
	}
}

// Start runs a command in a group. The command reads a line before it does anything, and writes "started" when it has begun.
func Start(t *testing.T, command *exec.Cmd, enter func(pid int)) {
	t.Helper()
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	enter(command.Process.Pid)
	fmt.Fprintln(in, "go")
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "started\n" {
		t.Fatalf("%v said %q, %v", command.Args, line, err)
	}
}
