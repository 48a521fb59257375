package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What `make demo` shows works: four workers, one killed halfway, the right number of primes, one merged range.
func TestDemo(t *testing.T) {
	demo(t, "primes", "primes", "killed worker-2", "primes below 20,000,000: 1270607", "Complete", "[0,20000000)")
}

// What `make demo-swarm` shows works: the least of moves when a worker comes, and never two owners.
func TestDemoSwarm(t *testing.T) {
	demo(t, "streams", "stream", "moved: 8 of 26", "kill -9 w2", "each time by one who was alone with it")
}

// demo runs an example's demo with its program, and looks for what it is to say.
func demo(t *testing.T, example, program string, wants ...string) {
	t.Helper()
	t.Parallel()
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(bin, program), "teamtask.dev/examples/"+example)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Symlink(teamtask, filepath.Join(bin, "teamtask")); err != nil {
		t.Fatal(err)
	}
	show(t, example, bin, wants...)
}

// What `make demo-ozymandias` shows works: instances on three nodes, which are elsewhere when one is killed, and a deploy under load that
// fails no request.
func TestDemoOzymandias(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	for _, args := range [][]string{
		{"build", "-o", bin + "/", "teamtask.dev/cmd/ozymandias", "teamtask.dev/examples/webapp"},
		{"run", "teamtask.dev/hack/programs", bin},
	} {
		c := exec.Command("go", args...)
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", args[0], err, out)
		}
	}
	show(t, "webapp", bin, "All are healthy again", ", 0 failed", "job/simple-webapp deleted")
}

// show runs an example's demo with the programs that are in bin, and looks for what it is to say.
func show(t *testing.T, example, bin string, wants ...string) {
	t.Helper()
	demo := exec.Command("../examples/"+example+"/demo.sh", bin)
	demo.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// Asked to end, it takes down what it has made.
	const long = 10 * time.Minute // several minutes on a busy machine are none too many for containers to start and end
	limit := time.AfterFunc(long, func() { _ = demo.Process.Signal(syscall.SIGTERM) })
	defer limit.Stop()
	kill := time.AfterFunc(long+patience, func() { _ = syscall.Kill(-demo.Process.Pid, syscall.SIGKILL) })
	defer kill.Stop()
	out, err := demo.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range wants {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not in it", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
