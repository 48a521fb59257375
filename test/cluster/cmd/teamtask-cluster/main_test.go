package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"teamtask.dev/test/cluster"
)

// program builds the program, and returns a function that runs it with a cluster of the test's own.
func program(t *testing.T) (home, func(ok bool, args ...string) string) {
	t.Helper()
	file, h := filepath.Join(t.TempDir(), "teamtask-cluster"), home(t.TempDir())
	if out, err := exec.Command("go", "build", "-o", file, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	run := func(ok bool, args ...string) string {
		t.Helper()
		out, err := exec.Command(file, append([]string{"--dir", string(h)}, args...)...).CombinedOutput()
		if (err == nil) != ok {
			t.Fatalf("teamtask-cluster %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	t.Cleanup(func() { exec.Command(file, "--dir", string(h), "down").Run() })
	return h, run
}

// The cluster outlives the command that starts it, is started once, is used by further commands, and ends.
func TestUpAndDown(t *testing.T) {
	t.Parallel()
	h, run := program(t)
	run(false, "status")
	if out := run(true, "up"); !strings.Contains(out, "export KUBECONFIG="+string(h)) {
		t.Error(out)
	}
	if out := run(true, "up"); !strings.Contains(out, "runs already") {
		t.Error(out)
	}
	if out := run(true, "status"); !strings.Contains(out, "node-1") {
		t.Error(out)
	}
	if out := run(true, "kubectl", "get", "nodes", "--output", "name"); out != "node/node-1\n" {
		t.Error(out)
	}
	run(true, "load", filepath.Join(h.data(), "images", "teamtask.dev_pause_cluster.tar"))
	context := t.TempDir()
	if err := os.WriteFile(filepath.Join(context, "Containerfile"), []byte("FROM scratch\nCOPY Containerfile /\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(true, "build", "teamtask.dev/empty:test", context)
	run(true, "build", "teamtask.dev/empty:test", context) // anew
	if _, err := os.Stat(strings.TrimSpace(run(true, "kubeconfig"))); err != nil {
		t.Error(err)
	}
	run(true, "down")
	run(false, "status")
	run(true, "down") // again: there is nothing to do
	if _, err := os.Stat(h.data()); !os.IsNotExist(err) {
		t.Errorf("the data is still there: %v", err)
	}
}

// If the process that runs the cluster is killed, all others end too, and down removes what is left.
func TestKilled(t *testing.T) {
	t.Parallel()
	h, run := program(t)
	run(true, "up")
	c, err := cluster.Open(h.data())
	if err != nil {
		t.Fatal(err)
	}
	if len(processes(t, h)) < 5 {
		t.Fatalf("these processes run: %q", processes(t, h))
	}
	process, err := h.process()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := h.waitEnd(t.Context()); err != nil {
		t.Fatal(err)
	}
	run(true, "down")
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if strings.HasPrefix(a.String(), c.Host+"/") {
			t.Errorf("its bridge with %v is still there", a)
		}
	}
	late := time.After(3 * time.Minute)
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for len(processes(t, h)) > 0 {
		select {
		case <-late:
			t.Fatalf("its processes still run: %q", processes(t, h))
		case <-look.C: // the kernel takes its time to end them
		}
	}
}

// processes are the command lines of those that run on this machine and have to do with a cluster.
func processes(t *testing.T, h home) (lines []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if line, err := os.ReadFile(file); err == nil && strings.Contains(string(line), string(h)) { // else it has ended meanwhile
			lines = append(lines, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return lines
}
