package kube_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

// A worker whose list was deleted, and its rights with it, ends without trying to give back what nobody misses.
func TestWorkListGone(t *testing.T) {
	t.Parallel()
	s := tell(t, list("{size: 100, block: {size: 5}}"))
	user := "of-" + s.namespace
	kubeconfig, err := apiServer.KubeconfigFor(user)
	if err != nil {
		t.Fatal(err)
	}
	kubectl := func(args ...string) {
		t.Helper()
		if _, err := apiServer.Kubectl(t.Context(), append(args, "-n", s.namespace)...); err != nil {
			t.Fatal(err)
		}
	}
	kubectl("create", "rolebinding", "workers", "--clusterrole", "teamtask-worker", "--user", user)
	if err := syscall.Mkfifo(s.file("go"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := s.work("list", "-j1", "--kubeconfig", kubeconfig, "--", "sh", "-c", "test {} != 7 || { echo >seventh; cat go; }")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.reads("seventh", "")
	kubectl("delete", "rolebinding", "workers")
	for allowed := "yes"; allowed == "yes"; { // it takes the API server a moment to notice
		out, _ := apiServer.Kubectl(t.Context(), "auth", "can-i", "update", "blocks.teamtask.dev", "--subresource=status", "-n", s.namespace, "--as", user)
		allowed = strings.TrimSpace(out)
	}
	if err := s.Delete(t.Context(), &v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "list"}}); err != nil {
		t.Fatal(err)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	release, err := os.OpenFile(s.file("go"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	release.Close()
	told := time.Now()
	cmd.Wait()
	// To wait for rights takes twice ten seconds.
	if d := time.Since(told); cmd.ProcessState.ExitCode() != 143 || d > 9*time.Second {
		t.Errorf("%v, after %v", cmd.ProcessState, d)
	}
	if said := fmt.Sprint(cmd.Stderr); strings.Contains(said, "trying on") || strings.Contains(said, "given back") {
		t.Errorf("it says %s", said)
	}
}
