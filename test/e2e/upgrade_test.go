package e2e

import (
	"errors"
	"fmt"
	"testing"
)

// The release is upgraded to new images while leases are out: another controller leads, the workers notice nothing, and a new
// list gets the new worker.
func TestUpgrade(t *testing.T) {
	f, s := newForeman(t), newSite(t)
	s.apply(items("fifty", 3, f))
	f.let(10)
	s.eventually("three pods work", func() error { return f.atWork(3, 10) })
	leader, next := s.leader(), version+"-next"

	s.must(errors.Join(buildImage(t.Context(), "teamtask", next), buildImage(t.Context(), "teamtask-controller", next)))
	s.must(install(t.Context(), next))
	s.eventually("another leads", func() error {
		if now := s.leader(); now == leader || now == "" {
			return fmt.Errorf("%q leads", now)
		}
		return nil
	})
	f.let(10)
	s.eventually("work goes on", func() error { return f.atWork(3, 20) })

	f.letAll()
	s.complete("fifty")
	if err := f.check(50, 0); err != nil {
		t.Error(err)
	}
	for _, p := range s.pods("fifty") {
		if image := p.Spec.InitContainers[0].Image; image != "teamtask.dev/teamtask:"+version {
			t.Errorf("pod %s was made anew, of %s", p.Name, image)
		}
	}
	s.apply(items("next", 1, f))
	s.complete("next")
	if image := s.pods("next")[0].Spec.InitContainers[0].Image; image != "teamtask.dev/teamtask:"+next {
		t.Errorf("a new list's pods have the worker of %s", image)
	}
}

// leader is the controller that leads; "" while none does.
func (s *site) leader() string {
	s.t.Helper()
	return s.kubectl("get", "lease", "teamtask-controller", "--namespace", system, "--output", "jsonpath={.spec.holderIdentity}")
}
