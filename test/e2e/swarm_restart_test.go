package e2e

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// k8s-swarm's example, with Teamtask in place of its operator. Its workers read their part when they start, so those whose part has
// changed are restarted, and no others; and they find it as they did before.
func TestSwarmRestart(t *testing.T) {
	t.Parallel()
	s := newSwarm(t)
	s.k8sSwarm()
	s.applyFile("k8s-swarm/restart.yaml")
	two := s.shared(14, 13)

	s.kubectl("scale", "swarm", "streams", "--replicas=3")
	three := s.shared(9, 9, 9)
	s.movedOnly(two, three, 9)

	job := three.part("swarm-worker-1")[0]
	s.remove(job)
	less := s.shared(9, 8, 9)
	s.movedOnly(three, less, 1)
	s.restartedOnly(three, less, "swarm-worker-1")
	for _, worker := range []string{"swarm-worker-0", "swarm-worker-2"} {
		if was, is := three.entries[worker].Version, less.entries[worker].Version; was != is {
			t.Errorf("the part of %s is as it was, but its version is %d, not %d", worker, is, was)
		}
	}

	s.killed(less.pods["swarm-worker-1"], "worker")
	killed := s.shared(9, 8, 9)
	s.movedOnly(less, killed, 0)
	s.restartedOnly(less, killed, "swarm-worker-1")

	s.kubectl("delete", "pod", "swarm-worker-0")
	deleted := s.shared(9, 8, 9)
	s.movedOnly(killed, deleted, 0)
	s.restartedOnly(killed, deleted, "swarm-worker-0")

	s.kubectl("scale", "swarm", "streams", "--replicas=2")
	fewer := s.shared(13, 13)
	s.movedOnly(deleted, fewer, 9)
	if _, there := fewer.pods["swarm-worker-2"]; there {
		t.Error("it is not the last pod that went")
	}
	s.kubectl("delete", "namespace", s.ns, "--timeout="+patience.String())
}

// k8sSwarm is what users of k8s-swarm have, running, and the label by which a Swarm finds its list of jobs.
func (s *swarm) k8sSwarm() {
	s.t.Helper()
	s.applyFile("k8s-swarm/configmaps.yaml")
	s.applyFile("k8s-swarm/statefulset.yaml")
	s.kubectl("rollout", "status", "statefulset/swarm-worker", "--timeout="+patience.String())
	s.kubectl("label", "configmap", "swarm-controller-config", "swarm=streams")
}

// remove takes a job out of the list of all.
func (s *swarm) remove(job string) {
	s.t.Helper()
	var cm corev1.ConfigMap
	s.must(s.client.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: "swarm-controller-config"}, &cm))
	lines := slices.Collect(strings.Lines(cm.Data["config.yml"]))
	fewer := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return strings.Contains(line, `"`+job+`"`) })
	if len(fewer) != len(lines)-1 {
		s.t.Fatalf("%s is not in the list:\n%s", job, cm.Data["config.yml"])
	}
	cm.Data["config.yml"] = strings.Join(fewer, "")
	s.must(s.client.Update(s.t.Context(), &cm))
}
