package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What `make demo-kube` shows works, below a smaller number: three pods, one killed on the way, one merged range. It leaves a list of
// somebody else's alone, and ends when its own is gone.
func TestDemo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(plain)
	before := s.list("primes").UID
	out, err := s.demo("300000000") // of fewer all might be done before a pod is chosen that is to be killed
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"force deleted", "worklist.teamtask.dev/primes-demo condition met", `[{"index":0,"size":300000000}]`} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in it", want)
		}
	}
	if now := s.list("primes").UID; now != before {
		t.Error("the list primes is another one")
	}
	if t.Failed() {
		t.Logf("%s", out)
	}

	first := string(s.list("primes-demo").UID)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		out, err = s.demo("1000000000000")
	}()
	s.eventually("another demo has a new list", func() error {
		uid, err := s.try("get", "worklist", "primes-demo", "--output=jsonpath={.metadata.uid}")
		if err == nil && uid == first {
			err = fmt.Errorf("it is still the old one")
		}
		return err
	})
	s.kubectl("delete", "worklist", "primes-demo")
	<-ended
	if err == nil || !strings.Contains(out, `"primes-demo" not found`) {
		t.Errorf("without its list: %v\n%s", err, out)
	}
}

// demo runs it in the namespace, and returns what it prints.
func (s *site) demo(items string) (string, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	kubeconfig, err := os.ReadFile(running.Kubeconfig)
	if err != nil {
		return "", err
	}
	file := filepath.Join(s.t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, kubeconfig, 0o600); err != nil {
		return "", err
	}
	if _, err := running.Kubectl(ctx, "config", "set-context", "--current", "--namespace", s.ns, "--kubeconfig", file); err != nil {
		return "", err
	}
	demo := exec.CommandContext(ctx, root("examples/kubernetes/demo.sh"), items)
	demo.Env = append(os.Environ(), "KUBECONFIG="+file, "PATH="+running.Programs+":"+os.Getenv("PATH"))
	demo.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	demo.Cancel = func() error { return syscall.Kill(-demo.Process.Pid, syscall.SIGKILL) }
	demo.WaitDelay = time.Second
	out, err := demo.CombinedOutput()
	return string(out), err
}
