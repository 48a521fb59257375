package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"teamtask.dev/api/v1alpha1"
)

// Three pods share a list. One is killed and restarted, one is deleted by force; all items are done, those of the others once.
func TestPods(t *testing.T) {
	t.Parallel()
	f, s := newForeman(t), newSite(t)
	s.apply(items("fifty", 3, f))
	f.let(6)
	s.eventually("three pods work", func() error { return f.atWork(3, 6) })
	s.looksAsPromised()
	s.nobodyTurnsInAnothers()

	pods := s.pods("fifty")
	killed, deleted := pods[0], pods[1]
	s.must(kill(&killed, "teamtask"))
	s.kubectl("wait", "--for=jsonpath={.status.containerStatuses[0].restartCount}=1", "--timeout="+patience.String(), "pod/"+killed.Name)
	s.kubectl("delete", "pod", deleted.Name, "--force", "--grace-period=0")
	s.eventually("what they had is to be done again, though no lease has run out", func() error {
		again := int64(0)
		for _, r := range s.list("fifty").Status.RetryRanges {
			again += r.Size
		}
		if again < 2 {
			return fmt.Errorf("%d items are", again)
		}
		return nil
	})
	f.let(3) // it goes out first
	s.eventually("it is out again", func() error {
		if blocks := s.kubectl("get", "blocks"); !regexp.MustCompile(`Working +1 +\d+ +1`).MatchString(blocks) {
			return fmt.Errorf("%s", blocks)
		}
		return nil
	})
	f.letAll()
	s.complete("fifty")
	// Each of the two had one item in hand, and one more at most that was done and not yet turned in.
	if err := f.check(50, 4); err != nil {
		t.Error(err)
	}
	s.eventually("all pods end", func() error {
		for _, p := range s.pods("fifty") {
			if p.Status.Phase != corev1.PodSucceeded {
				return fmt.Errorf("%s is %s", p.Name, p.Status.Phase)
			}
		}
		return nil
	})
	for _, p := range s.pods("fifty") {
		log := s.kubectl("logs", p.Name)
		did := len(regexp.MustCompile(`(?m)^item \d+$`).FindAllString(log, -1))
		if want := fmt.Sprintf("fifty: Complete, 50 done, 0 failed; this worker did %d item", did); !strings.Contains(log, want) {
			t.Errorf("%q is not in the log of %s:\n%s", want, p.Name, log)
		}
	}
}

// looksAsPromised compares what kubectl shows with what the documentation does.
func (s *site) looksAsPromised() {
	s.t.Helper()
	s.eventually("three blocks are in hand", func() error {
		lines := strings.Split(strings.TrimSpace(s.kubectl("get", "blocks")), "\n")
		working := 0
		for i, line := range lines {
			pattern := `^fifty-\S+ +(1/1 +Working +0 +\d+ +1|0/1 +[A-Z]\w+ +0 +(\d+|<none>) +(1|<none>))$`
			if i == 0 {
				pattern = `^NAME +READY +STATUS +RESTARTS +INDEX +SIZE$`
			}
			if !regexp.MustCompile(pattern).MatchString(line) {
				return fmt.Errorf("line %q of\n%s", line, strings.Join(lines, "\n"))
			}
			if strings.Contains(line, "Working") {
				working++
			}
		}
		if working < 3 {
			return fmt.Errorf("%d of\n%s", working, strings.Join(lines, "\n"))
		}
		return nil
	})
}

// nobodyTurnsInAnothers has a pod, with its own token, write the status of its own Block and that of another pod.
func (s *site) nobodyTurnsInAnothers() {
	s.t.Helper()
	var own, others *v1alpha1.Block
	blocks := s.blocks()
	for i := range blocks {
		b := &blocks[i]
		switch {
		case b.Status.Phase() != v1alpha1.BlockWorking:
		case own == nil:
			own = b
		case b.Spec.Worker != own.Spec.Worker:
			others = b
		}
	}
	if own == nil || others == nil {
		s.t.Fatalf("no two pods have blocks:\n%s", s.kubectl("get", "blocks", "--output=wide"))
	}
	token := strings.TrimSpace(s.kubectl("create", "token", "fifty-workers", "--bound-object-kind=Pod", "--bound-object-name="+own.Spec.Worker))
	kubeconfig := s.kubeconfig(token)
	patch := func(b *v1alpha1.Block) error {
		_, err := s.try("--kubeconfig", kubeconfig, "patch", "block", b.Name, "--subresource=status", "--type=merge", "--patch", `{"status": {"renewTime": "2030-01-01T00:00:00.000000Z"}}`)
		return err
	}
	if err := patch(own); err != nil {
		s.t.Error(err)
	}
	if err := patch(others); err == nil || !strings.Contains(err.Error(), "only the pod that created a Block may write its status") {
		s.t.Errorf("a pod writes the status of another's Block: %v", err)
	}
}

// kubeconfig is a file for who has a token.
func (s *site) kubeconfig(token string) string {
	s.t.Helper()
	file := s.t.TempDir() + "/kubeconfig"
	admin, err := os.ReadFile(running.Kubeconfig)
	s.must(err)
	s.must(os.WriteFile(file, regexp.MustCompile(`user: \{client-certificate.*`).ReplaceAll(admin, []byte("user: {token: "+token+"}")), 0o600))
	return file
}
