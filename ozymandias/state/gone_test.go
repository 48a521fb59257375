package state_test

import (
	"testing"

	"teamtask.dev/ozymandias/etcdtest"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/state"
)

// A job that was seen to be deleted is told from one that is not there any more when all is read again, as after a restore from a backup
// that is older than the job.
func TestGone(t *testing.T) {
	b := newBench(t)
	b.Store = state.New(b.Cuttable)
	m := b.mirror()
	b.Store = state.New(b.Direct)
	put := func(jobs map[string]*schedule.Job) {
		t.Helper()
		if _, err := b.Commit(t.Context(), b.basis(), state.Change{Jobs: jobs}); err != nil {
			t.Fatal(err)
		}
	}
	job := func(uid string) *schedule.Job {
		change, _ := web()
		j := change.Jobs["u1"]
		j.UID, j.Spec.Name = uid, uid
		return j
	}
	jobs := func(n int) func(schedule.State) bool { return func(s schedule.State) bool { return len(s.Jobs) == n } }
	put(map[string]*schedule.Job{"u1": job("u1"), "u2": job("u2")})
	b.until(m, "two jobs", jobs(2))
	put(map[string]*schedule.Job{"u1": nil})
	b.until(m, "one job", jobs(1))
	if !m.Gone("u1") || m.Gone("u2") || m.Gone("u3") {
		t.Errorf("gone are %t, %t, %t", m.Gone("u1"), m.Gone("u2"), m.Gone("u3"))
	}
	b.Lose(etcdtest.Both)
	put(map[string]*schedule.Job{"u2": nil})
	b.join("n1")
	last, err := b.Direct.Get(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Direct.Compact(t.Context(), last.Header.Revision); err != nil {
		t.Fatal(err)
	}
	b.Lose(etcdtest.Nothing)
	b.until(m, "no job", jobs(0))
	if !m.Gone("u1") || m.Gone("u2") {
		t.Errorf("after all was read again gone are %t, %t", m.Gone("u1"), m.Gone("u2"))
	}
}
