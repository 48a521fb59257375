package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// Teamtask is removed while pods work, while a Block waits for a list that there is not, and while a pod consumes the workloads of a
// Swarm: nothing hangs, and nothing is left.
func TestRemove(t *testing.T) {
	t.Run("release", func(t *testing.T) {
		s := newSwarm(t)
		s.atWorkUntilDeleted()
		s.must(release(t.Context(), "uninstall", "teamtask", "--wait"))
		s.kubectl("delete", "customresourcedefinitions", "worklists.teamtask.dev", "blocks.teamtask.dev", "swarms.teamtask.dev", "assignments.teamtask.dev",
			"workloads.teamtask.dev", "--timeout="+patience.String())
		s.kubectl("delete", "namespace", system, "--timeout="+patience.String())
		s.nothingIsLeft()
	})
	t.Run("config", func(t *testing.T) {
		s := newSwarm(t)
		s.applyConfig()
		s.atWorkUntilDeleted()
		s.kubectl("delete", "--kustomize", root("config"), "--namespace", system, "--timeout="+patience.String())
		s.nothingIsLeft()
	})
	// The other tests want one.
	if err := install(t.Context(), version, "--create-namespace"); err != nil {
		t.Fatal(err)
	}
}

// atWorkUntilDeleted has pods work on a list, and one join a Swarm, and deletes all lists and Blocks, Swarms and Assignments.
func (s *swarm) atWorkUntilDeleted() {
	s.t.Helper()
	f := newForeman(s.t)
	s.apply(items("fifty", 3, f))
	// For a moment after their definitions came admission answers 503.
	s.eventually("admission knows Blocks", func() error {
		return s.tryApply(`{apiVersion: teamtask.dev/v1alpha1, kind: Block, metadata: {name: waits}, spec: {worklist: nothing}}`)
	})
	s.join()
	s.eventually("admission knows Swarms", func() error { return s.tryApply(s.read("streams/swarm.yaml", "replicas: 2", "replicas: 1")) })
	f.let(5)
	s.eventually("three pods work", func() error { return f.atWork(3, 5) })
	s.eventually("a pod consumes", func() error {
		if consumers, err := s.consumers(); err != nil || len(consumers) < 26 {
			return fmt.Errorf("%d workloads; %v", len(consumers), err)
		}
		return nil
	})
	_, err := running.Kubectl(s.t.Context(), "delete", "worklists,blocks,swarms,assignments", "--all", "--all-namespaces", "--timeout="+patience.String())
	s.must(err)
}

func (s *site) nothingIsLeft() {
	s.t.Helper()
	const all = "customresourcedefinitions,validatingadmissionpolicies,validatingadmissionpolicybindings,mutatingadmissionpolicies," +
		"mutatingadmissionpolicybindings,clusterroles,clusterrolebindings,flowschemas,prioritylevelconfigurations,namespaces"
	for name := range strings.FieldsSeq(s.kubectl("get", all, "--output=name")) {
		if strings.Contains(name, "teamtask") {
			s.t.Errorf("%s is left", name)
		}
	}
}
