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
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "primes"), "teamtask.dev/examples/primes")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Symlink(teamtask, filepath.Join(bin, "teamtask")); err != nil {
		t.Fatal(err)
	}
	demo := exec.Command("../examples/primes/demo.sh", bin)
	demo.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	limit := time.AfterFunc(3*time.Minute, func() { syscall.Kill(-demo.Process.Pid, syscall.SIGKILL) })
	defer limit.Stop()
	out, err := demo.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"killed worker-2", "primes below 20,000,000: 1270607", "Complete", "[0,20000000)"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not in it", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
