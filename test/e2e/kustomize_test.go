package e2e

import "testing"

// What Helm installed may be replaced by what config/ describes, and the other way round, while a list is worked on.
func TestKustomize(t *testing.T) {
	f, s := newForeman(t), newSite(t)
	s.apply(items("fifty", 3, f))
	f.let(5)
	s.eventually("three pods work", func() error { return f.atWork(3, 5) })

	s.must(release(t.Context(), "uninstall", "teamtask", "--wait"))
	s.eventually("config/ is applied", func() error {
		_, err := running.Kubectl(t.Context(), "apply", "--server-side", "--kustomize", root("config"))
		return err
	})
	s.kubectl("rollout", "status", "deployment/teamtask-controller", "--namespace", system, "--timeout="+patience.String())
	f.let(10)
	s.eventually("work goes on", func() error { return f.atWork(3, 15) })

	s.must(install(t.Context(), version, "--take-ownership", "--force-conflicts"))
	f.letAll()
	s.complete("fifty")
	if err := f.check(50, 0); err != nil {
		t.Error(err)
	}
}
