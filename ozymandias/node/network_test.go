package node_test

import (
	"testing"

	"teamtask.dev/ozymandias/schedule"
)

// The pods' network may have to be another one when a node comes back, within its lease or after it, with pods that are attached to the old
// one: they go, and what is to run begins anew in the new one.
func TestAnotherNetwork(t *testing.T) {
	w := newWorld(t)
	h := w.host(machine, "n1")
	h.TTL *= 4 // so that a slow machine is in time
	h.begin()
	first := h.serve("print up stay")
	h.stop()
	h.Network.MTU = 1400
	h.begin()
	second := h.untilHealthy(first.Epoch)
	h.lost(h.stop)
	h.Network.MTU = 1450
	h.begin()
	h.untilHealthy(second.Epoch)
	if err := h.node.Podman().EnsureNetwork(t.Context(), h.Network); err != nil {
		t.Errorf("its network is not as it was to be: %v", err)
	}
	if !h.node.Logs().Has(schedule.Instance{Job: "uid-web", ID: "0"}, "main") {
		t.Error("the logs of what went are lost")
	}
}
