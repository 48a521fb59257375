package faults

import (
	"teamtask.dev/controller"
	"teamtask.dev/test/chaos"
)

// manage starts a manager of the site's namespace.
func (s *site) manage(f chaos.Fault) *chaos.Manager {
	s.t.Helper()
	return s.manageWith(f, controller.Options{})
}

func (s *site) manageWith(f chaos.Fault, o controller.Options) *chaos.Manager {
	s.t.Helper()
	o.Watch = []string{s.ns}
	return chaos.Manage(s.t, chaos.Connect(s.t, running), f, o)
}

// manageKilled starts one that is killed when the fuse blows; another one goes on.
func (s *site) manageKilled(f *chaos.Fuse) {
	s.t.Helper()
	chaos.ManageKilled(s.t, chaos.Connect(s.t, running), f, controller.Options{Watch: []string{s.ns}})
}
