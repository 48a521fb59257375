package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Who cannot reach the API server, or should not, works through the List server: with a token of the cluster, and the rights that
// it has there.
func TestServer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(`{apiVersion: teamtask.dev/v1alpha1, kind: Worklist, metadata: {name: primes},
		spec: {items: {range: {start: 1, end: 1000000}}, block: {size: 100000}}}`)
	url := s.forward("service/teamtask-server") + "/namespaces/" + s.ns
	work := func(token string) (stdout, stderr string, err error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, filepath.Join(programs, "teamtask"), "work", "--server", url, "--token", token, "-j2", "primes",
			"--", filepath.Join(programs, "primes"), "{start}", "{end}")
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &errs, time.Second
		err = cmd.Run()
		return out.String(), errs.String(), err
	}
	s.kubectl("create", "serviceaccount", "outside")
	token := strings.TrimSpace(s.kubectl("create", "token", "outside"))

	if _, errs, err := work("nonsense"); err == nil || !strings.Contains(errs, "kubectl create token") {
		t.Errorf("with a token that is none: %v, %s", err, errs)
	}
	if _, errs, err := work(token); err == nil || !strings.Contains(errs, "teamtask-worker") {
		t.Errorf("without the right to: %v, %s", err, errs)
	}
	s.kubectl("create", "rolebinding", "outside", "--clusterrole=teamtask-worker", "--serviceaccount="+s.ns+":outside")
	s.eventually("the right is known", func() error {
		out, errs, err := work(token)
		if err == nil && sum(out) != 78498 {
			t.Errorf("there are %d primes below a million, says the worker, and not 78498", sum(out))
		}
		if err != nil {
			return fmt.Errorf("%w: %s", err, errs)
		}
		return nil
	})
	s.complete("primes")
}

// forward has kubectl forward a port of this machine to one of the release's, until the test ends, and returns its URL.
func (s *site) forward(to string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), filepath.Join(running.Programs, "kubectl"), "--kubeconfig", running.Kubeconfig,
		"--namespace", system, "port-forward", to, ":7070")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	s.must(err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	s.must(cmd.Start())
	ended := make(chan struct{})
	s.t.Cleanup(func() {
		cancel()
		<-ended
	})
	lines := bufio.NewScanner(out)
	lines.Scan()
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(lines.Text())
	go func() {
		defer close(ended)
		for lines.Scan() { // it says when it is used
		}
		cmd.Wait()
	}()
	if address == "" {
		cancel()
		<-ended
		s.t.Fatalf("kubectl port-forward: %s %s", lines.Text(), &errs)
	}
	return "http://" + address
}
