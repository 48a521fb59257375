package node_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/schedule"
)

// A job comes up, answers at its address, is replaced by its next revision, and goes.
func TestRuns(t *testing.T) {
	w := newWorld(t)
	h := w.host(machine, "n1")
	h.TTL *= 4 // so that a slow machine is in time
	h.begin()
	w.put(web("print up serve 80 stay", func(c *job.Container) { c.Healthcheck = &job.Healthcheck{Type: job.HTTP, Port: 80} }))
	first := w.untilHealthy(0)
	answer, err := http.Get("http://" + first.Address + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); string(body) != "served\n" {
		t.Errorf("it answers %q, %v", body, err)
	}
	if got, want := strings.Join(h.pods(), ", "), fmt.Sprintf("web_0_%d Running", first.Epoch); got != want {
		t.Errorf("on the machine there are %s, want %s", got, want)
	}
	name, ok := h.node.Container("uid-web", "0", "main")
	if state, err := h.node.Podman().Container(t.Context(), name); err != nil || !ok || !state.Running() {
		t.Errorf("the container is %q, %v: %+v, %v", name, ok, state, err)
	}

	w.put(web("print other serve 80 stay"))
	second := w.until("replaced", func(all map[string]schedule.Condition) bool {
		return all["web-0"].Settled && all["web-0"].Epoch > first.Epoch && len(all) == 1
	})["web-0"]
	if got, want := strings.Join(h.pods(), ", "), fmt.Sprintf("web_0_%d Running", second.Epoch); got != want {
		t.Errorf("on the machine there are %s, want %s", got, want)
	}

	w.change(func(s schedule.State) (schedule.State, error) { return s.Remove("web") })
	w.until("gone", func(all map[string]schedule.Condition) bool { return len(all) == 0 })
	if left := h.processes(); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}
