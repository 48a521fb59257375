package e2e

import (
	"os"
	"strings"
	"testing"
)

// Teamtask is removed while pods work, and while a Block waits for a list that there is not: nothing hangs, and nothing is left.
func TestRemove(t *testing.T) {
	t.Run("release", func(t *testing.T) {
		s := newSite(t)
		s.atWorkUntilDeleted()
		s.must(release(t.Context(), "uninstall", "teamtask", "--wait"))
		s.kubectl("delete", "customresourcedefinitions", "worklists.teamtask.dev", "blocks.teamtask.dev", "--timeout="+patience.String())
		s.kubectl("delete", "namespace", system, "--timeout="+patience.String())
		s.nothingIsLeft()
	})
	t.Run("config", func(t *testing.T) {
		s := newSite(t)
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

// atWorkUntilDeleted has pods work on a list, and deletes all lists and Blocks.
func (s *site) atWorkUntilDeleted() {
	s.t.Helper()
	f := newForeman(s.t)
	s.apply(items("fifty", 3, f))
	file := s.t.TempDir() + "/waits.yaml"
	s.must(os.WriteFile(file, []byte(`{apiVersion: teamtask.dev/v1alpha1, kind: Block, metadata: {name: waits}, spec: {worklist: nothing}}`), 0o600))
	s.eventually("admission knows Blocks", func() error { // for a moment after their definition came it answers 503
		_, err := s.try("apply", "--filename", file)
		return err
	})
	f.let(5)
	s.eventually("three pods work", func() error { return f.atWork(3, 5) })
	_, err := running.Kubectl(s.t.Context(), "delete", "worklists,blocks", "--all", "--all-namespaces", "--timeout="+patience.String())
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
