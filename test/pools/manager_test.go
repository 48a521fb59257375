package pools

import (
	"net/http"
	"strings"

	"teamtask.dev/controller"
	"teamtask.dev/test/chaos"
)

// writes tells whether a request changes something; events are for people.
func writes(r *http.Request) bool {
	return r.Method != http.MethodGet && !strings.Contains(r.URL.Path, "/events.k8s.io/")
}

// manage runs the controllers in the site's namespace. When the fuse blows, if there is one, they end, and others go on.
func (s *site) manage(f *chaos.Fuse) {
	s.t.Helper()
	cfg, o := chaos.Connect(s.t, running), controller.Options{Watch: []string{s.ns}}
	cfg.Impersonate.UserName = controllers
	if f == nil {
		chaos.Manage(s.t, cfg, nil, o)
	} else {
		chaos.ManageKilled(s.t, cfg, f, o)
	}
}
