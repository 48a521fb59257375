package e2e

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The controller that leads is killed twice, in the middle of handing out: nothing is lost, or done twice.
func TestControllerKilled(t *testing.T) {
	f, s := newForeman(t), newSite(t)
	s.apply(items("fifty", 3, f))
	f.let(5)
	s.eventually("three pods work", func() error { return f.atWork(3, 5) })
	for round := range 2 {
		leader := s.leader()
		s.must(kill(s.controller(leader), "teamtask-controller"))
		f.let(10)
		s.eventually("work goes on under another", func() error {
			if now := s.leader(); now == leader || now == "" {
				return fmt.Errorf("%q leads", now)
			}
			return f.atWork(3, 5+10*(round+1))
		})
	}
	f.letAll()
	s.complete("fifty")
	if err := f.check(50, 0); err != nil {
		t.Error(err)
	}
}

// controller is the pod of a leader, whose identity begins with the pod's name.
func (s *site) controller(identity string) *corev1.Pod {
	s.t.Helper()
	name, _, _ := strings.Cut(identity, "_")
	var pod corev1.Pod
	s.must(s.client.Get(s.t.Context(), client.ObjectKey{Namespace: system, Name: name}, &pod))
	return &pod
}
