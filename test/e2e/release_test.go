package e2e

import (
	"context"
	"strings"
	"testing"
)

// The release is uninstalled while a list is worked on: the list stays, and goes on when config/ is applied in its place, and when
// there is a release again.
func TestRelease(t *testing.T) {
	f, s := newForeman(t), newSite(t)
	s.apply(items("fifty", 3, f))
	f.let(5)
	s.eventually("three pods work", func() error { return f.atWork(3, 5) })
	t.Cleanup(func() {
		if t.Failed() { // the other tests want one
			if err := install(context.WithoutCancel(t.Context()), version, "--take-ownership", "--force-conflicts"); err != nil {
				t.Error(err)
			}
		}
	})
	s.must(release(t.Context(), "uninstall", "teamtask", "--wait"))
	if left := s.kubectl("get", "deployments,validatingadmissionpolicies", "--namespace", system, "--output=name"); strings.Contains(left, "teamtask") {
		t.Errorf("what belonged to the release is left:\n%s", left)
	}
	f.let(5) // they can turn nothing in while there are no roles, and have patience for a minute
	s.eventually("the pods go on with what they have", func() error { return f.atWork(0, 8) })

	_, err := running.Kubectl(t.Context(), "apply", "--server-side", "--kustomize", root("config/rbac")) // what they wait for, before all else
	s.must(err)
	s.applyConfig()
	f.let(10)
	s.eventually("work goes on", func() error { return f.atWork(3, 20) })

	s.must(install(t.Context(), version, "--take-ownership"))
	f.let(10)
	s.eventually("work goes on", func() error { return f.atWork(3, 30) })
	f.letAll()
	s.complete("fifty")
	if err := f.check(50, 0); err != nil {
		t.Error(err)
	}
}

// applyConfig installs what is in config/, and waits until its pods are ready.
func (s *site) applyConfig() {
	s.t.Helper()
	s.eventually("config/ is applied", func() error { // the namespace is known a moment later than it is there
		_, err := running.Kubectl(s.t.Context(), "apply", "--server-side", "--kustomize", root("config"))
		return err
	})
	s.kubectl("rollout", "status", "deployment/teamtask-controller", "--namespace", system, "--timeout="+patience.String())
}
