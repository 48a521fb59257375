package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// The plug of a node is pulled. What its pod had in hand goes out again when the lease has run out, and the list completes.
func TestNodeLost(t *testing.T) {
	f, s := newForeman(t), newSite(t)
	node, err := running.AddNode(t.Context(), "node-2")
	s.must(err)
	t.Cleanup(func() {
		if err := node.Stop(); err != nil {
			t.Error(err)
		}
		if _, err := running.Kubectl(context.WithoutCancel(t.Context()), "delete", "node", node.Name, "--ignore-not-found"); err != nil {
			t.Error(err)
		}
	})
	const timeout = "20s" // the other pod's lease must not run out, though it has to renew it while a machine is lost
	manifest := strings.Replace(items("fifty", 2, f), "timeout: 5m", "timeout: "+timeout, 1)
	manifest = strings.Replace(manifest, "        containers:", `        topologySpreadConstraints:
          - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {teamtask.dev/worklist: fifty}}}
        containers:`, 1)
	s.apply(manifest)
	f.let(6)
	s.eventually("a pod on each node works", func() error { return f.atWork(2, 6) })
	var lost string
	for _, p := range s.pods("fifty") {
		if p.Spec.NodeName == node.Name {
			lost = p.Name
		}
	}
	if len(f.inHand()[lost]) == 0 {
		t.Fatalf("no pod of node-2 works: %v", f.inHand())
	}

	s.must(node.Stop())
	f.letAll()
	s.complete("fifty")
	if err := f.check(50, 2); err != nil {
		t.Error(err)
	}
	s.eventually("an event says so", func() error {
		events := s.kubectl("get", "events", "--field-selector=reason=Expired")
		if want := fmt.Sprintf("worker %s was not heard of for %s", lost, timeout); !strings.Contains(events, want) {
			return fmt.Errorf("%q is not in\n%s", want, events)
		}
		return nil
	})
	// What is left of it does not keep the list.
	s.kubectl("delete", "worklist", "fifty", "--timeout="+patience.String())
}
