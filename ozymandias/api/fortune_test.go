package api

import (
	"testing"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/schedule"
)

// A job of which all that is wanted has ended is complete, but not while its deploy is halted: then some of it never ran the revision.
func TestFortuneOfWhatHasEnded(t *testing.T) {
	well := map[string]schedule.End{"0": {Outcome: schedule.Complete, Revision: 2}, "1": {Outcome: schedule.Complete, Revision: 1}}
	badly := map[string]schedule.End{"0": {Outcome: schedule.Failed, Revision: 2, Code: 7}}
	for _, c := range []struct {
		name string
		job  schedule.Job
		want v1.JobPhase
	}{
		{"all is done", schedule.Job{Stable: 2, Ended: well}, v1.Complete},
		{"a deploy is under way", schedule.Job{Stable: 1, Deploy: &schedule.Deploy{From: 1, To: 2}, Ended: well}, v1.Complete},
		{"a deploy is halted", schedule.Job{Stable: 1, Deploy: &schedule.Deploy{From: 1, To: 2, Failed: "why"}, Ended: well}, v1.Halted},
		{"one has failed", schedule.Job{Stable: 1, Deploy: &schedule.Deploy{From: 1, To: 2, Failed: "why"}, Ended: badly}, v1.Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.job.Spec, c.job.Revision = job.Job{Name: "mig", Update: job.Update{Rollback: new(false)}}, 2
			if got, why := fortune(&c.job, &v1.JobStatus{Ended: len(c.job.Ended)}); got != c.want {
				t.Errorf("it is %s (%s), want %s", got, why, c.want)
			}
		})
	}
}
