package e2e

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What `make demo-kube` shows works, below a smaller number: three pods, one killed on the way, one merged range.
func TestDemo(t *testing.T) {
	t.Parallel()
	t.Cleanup(func() {
		if _, err := running.Kubectl(context.WithoutCancel(t.Context()), "delete", "worklist", "primes", "--ignore-not-found"); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	demo := exec.CommandContext(ctx, root("examples/kubernetes/demo.sh"), "100000000")
	demo.Env = append(os.Environ(), "KUBECONFIG="+running.Kubeconfig, "PATH="+running.Programs+":"+os.Getenv("PATH"))
	demo.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	demo.Cancel = func() error { return syscall.Kill(-demo.Process.Pid, syscall.SIGKILL) }
	demo.WaitDelay = time.Second
	out, err := demo.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"force deleted", "worklist.teamtask.dev/primes condition met", `[{"index":0,"size":100000000}]`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not in it", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
