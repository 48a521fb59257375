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
	demo := exec.Command("../examples/"+example+"/demo.sh", bin)
	demo.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	limit := time.AfterFunc(patience, func() { syscall.Kill(-demo.Process.Pid, syscall.SIGKILL) })
	defer limit.Stop()
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
