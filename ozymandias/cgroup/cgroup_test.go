package cgroup_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/cgroup"
	"teamtask.dev/ozymandias/cgroup/cgrouptest"
)

// A group that is not there has nothing in it, and killing that is no error.
func TestNothingThere(t *testing.T) {
	group, err := cgroup.Find(fmt.Sprintf("ozymandias-none-%d", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	if processes, err := group.Processes(); err != nil || len(processes) != 0 {
		t.Errorf("Processes() = %v, %v", processes, err)
	}
	if err := group.Kill(); err != nil {
		t.Errorf("Kill() = %v", err)
	}
	if err := group.Remove(); err != nil {
		t.Errorf("Remove() = %v", err)
	}
}

// All that runs in the group and below is ended: programs of their own session, children of children, and those that take no signal
// but SIGKILL. What runs beside the group is not.
func TestKill(t *testing.T) {
	path, enter := cgrouptest.Make(t, "kill")
	below, enterBelow := cgrouptest.Make(t, "kill/below")
	_ = below
	shell := exec.Command("sh", "-c", `trap '' TERM INT HUP; read go; setsid sleep 1000 & (sleep 1001 & wait) & echo started; wait`)
	inner := exec.Command("sh", "-c", `read go; echo started; exec sleep 1002`)
	beside := exec.Command("sleep", "1003")
	if err := beside.Start(); err != nil {
		t.Fatal(err)
	}
	defer beside.Wait()
	defer beside.Process.Kill()
	cgrouptest.Start(t, shell, enter)
	cgrouptest.Start(t, inner, enterBelow)

	group, err := cgroup.Find(path)
	if err != nil {
		t.Fatal(err)
	}
	processes, err := group.Processes()
	if err != nil || len(processes) < 4 {
		t.Fatalf("Processes() = %v, %v; want the shell, its children and the one below", processes, err)
	}
	if err := group.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, command := range []*exec.Cmd{shell, inner} {
		if err := command.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Errorf("%v ended with %v", command.Args, err)
		}
	}
	cgrouptest.Empty(t, group)
	if state, err := os.ReadFile("/proc/" + strconv.Itoa(beside.Process.Pid) + "/stat"); err != nil || strings.Contains(string(state), ") Z ") {
		t.Errorf("what ran beside the group has ended: %s, %v", state, err)
	}
	if err := group.Remove(); err != nil {
		t.Errorf("Remove() = %v", err)
	}
	if _, err := os.Stat(filepath.Join(cgrouptest.Root(t), path)); !os.IsNotExist(err) {
		t.Errorf("the group is still there: %v", err)
	}
}

// A group is removed from the hierarchies of version 1 beside the unified one as well: podman makes it there, too.
func TestRemoveFromAllHierarchies(t *testing.T) {
	path, _ := cgrouptest.Make(t, "everywhere")
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 2 && strings.HasPrefix(fields[2], "cgroup") {
			dir := filepath.Join(fields[1], path, "below")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			dirs = append(dirs, filepath.Dir(dir))
		}
	}
	group, err := cgroup.Find(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := group.Remove(); err != nil {
		t.Errorf("Remove() = %v", err)
	}
	for _, dir := range dirs {
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", dir, err)
		}
	}
}
