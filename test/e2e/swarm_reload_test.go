package e2e

import "testing"

// Workers of k8s-swarm's kind that read their part again by themselves, and say which version they run: none is restarted.
func TestSwarmReload(t *testing.T) {
	t.Parallel()
	s := newSwarm(t)
	s.applyFile("k8s-swarm/configmaps.yaml")
	s.applyFile("k8s-swarm/statefulset.yaml", "command: [/app/worker]", "command: [/app/worker, -reload]")
	s.kubectl("label", "configmap", "swarm-controller-config", "swarm=streams")
	s.applyFile("k8s-swarm/reload.yaml")
	two := s.shared(14, 13)

	s.kubectl("scale", "swarm", "streams", "--replicas=3")
	three := s.shared(9, 9, 9)
	s.movedOnly(two, three, 9)
	s.restartedOnly(two, three)

	s.remove(three.part("swarm-worker-1")[0])
	less := s.shared(9, 8, 9)
	s.movedOnly(three, less, 1)
	s.restartedOnly(three, less)

	s.killed(less.pods["swarm-worker-1"], "worker")
	killed := s.shared(9, 8, 9)
	s.movedOnly(less, killed, 0)
	s.restartedOnly(less, killed, "swarm-worker-1")

	s.kubectl("scale", "swarm", "streams", "--replicas=2")
	fewer := s.shared(13, 13)
	s.movedOnly(killed, fewer, 9)
	s.restartedOnly(killed, fewer)
}
