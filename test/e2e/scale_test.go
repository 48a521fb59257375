package e2e

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// The pods of a list become more and fewer, none while it is suspended, and as many as before when it goes on.
func TestScale(t *testing.T) {
	t.Parallel()
	f, s := newForeman(t), newSite(t)
	s.apply(items("fifty", 1, f))
	s.runs(1)
	s.kubectl("scale", "worklist", "fifty", "--replicas=3")
	s.runs(3)
	s.eventually("three pods work", func() error { return f.atWork(3, 0) })
	s.kubectl("scale", "worklist", "fifty", "--replicas=2")
	s.eventually("one pod finishes what it has in hand, and goes", func() error {
		pods := s.pods("fifty")
		for _, p := range pods {
			if p.DeletionTimestamp != nil && len(f.inHand()[p.Name]) > 0 {
				f.let(1)
			}
		}
		if len(pods) > 2 {
			return fmt.Errorf("%d pods are there", len(pods))
		}
		return nil
	})
	s.runs(2)

	s.kubectl("patch", "worklist", "fifty", "--type=merge", "--patch", `{"spec": {"suspend": true}}`)
	s.kubectl("wait", `--for=jsonpath={.status.conditions[?(@.type=="Complete")].reason}=Suspended`, "--timeout="+patience.String(), "worklist/fifty")
	f.let(10) // more than can be out
	s.runs(0)
	s.eventually("no block is out", func() error { // of those that pods turned in last the list hears later
		if out := s.list("fifty").Status; out.BlocksOut != 0 || out.Leased != 0 {
			return fmt.Errorf("%d blocks are out though no pod runs", out.BlocksOut)
		}
		return nil
	})
	s.kubectl("patch", "worklist", "fifty", "--type=merge", "--patch", `{"spec": {"suspend": false}}`)
	s.runs(2)
	f.letAll()
	s.complete("fifty")
	if err := f.check(50, 0); err != nil {
		t.Error(err)
	}
	if events := s.kubectl("get", "events", "--field-selector=type=Warning,involvedObject.kind=Block"); !strings.Contains(events, "No resources found") {
		t.Errorf("a pod that was to go lost what it had:\n%s", events)
	}
}

// runs waits until so many pods run, and the list says so.
func (s *site) runs(want int) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%d pods run", want), func() error {
		n := 0
		for _, p := range s.pods("fifty") {
			if p.Status.Phase == corev1.PodRunning {
				n++
			}
		}
		if said := s.list("fifty").Status.Replicas; n != want || int(said) != want {
			return fmt.Errorf("%d, and the list says %d", n, said)
		}
		return nil
	})
}
