package state_test

import (
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/state"
)

// Records of which the last ones may be lost are gone on with: what was planned is for nobody, as no node is alive; and decisions count on from
// far beyond those that may be lost.
func TestRecover(t *testing.T) {
	b := newBench(t)
	incarnation, _ := b.join("n1")
	change, _ := web()
	if _, err := b.Commit(t.Context(), b.basis(), change); err != nil {
		t.Fatal(err)
	}
	before, began := b.basis(), time.Now().Unix()
	if err := b.Recover(t.Context(), "n1 goes on"); err != nil {
		t.Fatal(err)
	}
	now, _ := b.state()
	if now.Version < 10*began+state.Leap || len(now.Jobs) != 1 {
		t.Errorf("at version %d the jobs are %v", now.Version, now.Jobs)
	}
	if n := now.Nodes[0]; n.Alive() || len(n.Plan.Instances) != 1 {
		t.Errorf("n1 is %+v", n)
	}
	if again, _ := b.join("n1"); again == incarnation {
		t.Error("n1 comes back as the same")
	}
	last := now.Version
	if err := b.Recover(t.Context(), "once more"); err != nil {
		t.Fatal(err)
	}
	if now, _ := b.state(); now.Version < last+state.Leap {
		t.Errorf("from version %d it goes on at %d", last, now.Version)
	}
	change, _ = web()
	if _, err := b.Commit(t.Context(), before, change); err == nil {
		t.Error("a decision from before is taken")
	}
	if events := b.mirror().Events(); len(events) != 1 || !strings.Contains(events[0].Text, "once more") {
		t.Errorf("nobody is told: %v", events)
	}
}
