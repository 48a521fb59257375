package e2e

import (
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// Pods of a Deployment join, one program for each workload. They become more, one is killed, and they become fewer.
func TestSwarmWatch(t *testing.T) {
	t.Parallel()
	s := newSwarm(t)
	s.join()
	s.applyFile("streams/swarm.yaml")
	two := s.shared(13, 13)

	s.kubectl("scale", "swarm", "streams", "--replicas=3")
	three := s.shared(9, 9, 8)
	s.movedOnly(two, three, 8)

	worker := slices.Min(slices.Collect(maps.Keys(three.pods)))
	s.killed(three.pods[worker], "teamtask")
	killed := s.shared(9, 9, 8)
	s.movedOnly(three, killed, 0)
	s.restartedOnly(three, killed, worker)

	s.kubectl("scale", "swarm", "streams", "--replicas=2")
	fewer := s.shared(13, 13)
	var gone []string
	for worker := range killed.pods {
		if _, there := fewer.pods[worker]; !there {
			gone = append(gone, worker)
		}
	}
	if len(gone) != 1 {
		t.Fatalf("of the pods %v have gone", gone)
	}
	s.movedOnly(killed, fewer, len(killed.part(gone[0])))
	s.restartedOnly(killed, fewer)

	s.kubectl("delete", "swarm", "streams", "--timeout="+patience.String())
	s.eventually("nothing is consumed", func() error {
		if consumers, err := s.consumers(); err != nil || len(consumers) > 0 {
			return fmt.Errorf("%v; %v", consumers, err)
		}
		return nil
	})
	s.nobodyRefused()
}

// A pod is cut off: it hears nothing, and nobody hears it. It stops its programs before they start elsewhere, and joins again once it
// can.
func TestSwarmCutOff(t *testing.T) {
	t.Parallel()
	s := newSwarm(t)
	s.join()
	s.applyFile("streams/swarm.yaml", "patience: 5m", "patience: 1s")
	two := s.shared(13, 13)

	names := slices.Sorted(maps.Keys(two.pods))
	lost, other := two.pods[names[0]], two.pods[names[1]]
	s.cut(lost, true)
	s.eventually("the other has all", func() error {
		s.nobodyRefused()
		consumers, err := s.consumers()
		if err != nil {
			return err
		}
		for workload := range two.owners {
			if consumers[workload] != other.UID {
				return fmt.Errorf("%s is consumed by pod %q", workload, consumers[workload])
			}
		}
		return nil
	})
	s.cut(lost, false)
	s.shared(13, 13)
}

// join has the pods run that join a Swarm, and allows them to.
func (s *swarm) join() {
	s.t.Helper()
	s.kubectl("create", "rolebinding", "members", "--clusterrole=teamtask-member", "--serviceaccount="+s.ns+":default")
	s.applyFile("streams/deployment.yaml")
}

// cut drops all that a pod sends and is sent, or no more.
func (s *swarm) cut(pod corev1.Pod, off bool) {
	s.t.Helper()
	pid, err := process(&pod, "teamtask")
	s.must(err)
	policy := map[bool]string{true: "DROP", false: "ACCEPT"}[off]
	for _, chain := range []string{"INPUT", "OUTPUT"} {
		args := []string{"--target", strconv.Itoa(pid), "--net", "iptables", "--wait", "--policy", chain, policy}
		if out, err := exec.CommandContext(s.t.Context(), "nsenter", args...).CombinedOutput(); err != nil {
			s.t.Fatalf("nsenter %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
}
