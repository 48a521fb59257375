package node

import (
	"maps"
	"testing"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/node/converge"
	"teamtask.dev/ozymandias/schedule"
)

func TestWorker(t *testing.T) {
	for name, c := range map[string]struct {
		spec      job.Job
		container job.Container
		want      map[string]string
	}{
		"neither":           {want: map[string]string{}},
		"of a worklist":     {spec: job.Job{Worklist: "primes"}, want: map[string]string{"TEAMTASK_WORKLIST": "primes", "TEAMTASK_WORKER": "web-7"}},
		"of a swarm":        {spec: job.Job{Swarm: "streams"}, want: map[string]string{"TEAMTASK_SWARM": "streams", "TEAMTASK_WORKER": "web-7"}},
		"the job says so":   {spec: job.Job{Swarm: "streams"}, container: job.Container{Environment: job.Environment{"TEAMTASK_WORKER": ""}}, want: map[string]string{"TEAMTASK_SWARM": "streams"}},
		"a secret says so":  {spec: job.Job{Swarm: "streams"}, container: job.Container{Secrets: []job.Secret{{Name: "x", Env: "TEAMTASK_SWARM"}}}, want: map[string]string{"TEAMTASK_WORKER": "web-7"}},
		"a secret in files": {spec: job.Job{Swarm: "streams"}, container: job.Container{Secrets: []job.Secret{{Name: "x", File: "/x"}}}, want: map[string]string{"TEAMTASK_SWARM": "streams", "TEAMTASK_WORKER": "web-7"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := converge.Action{Name: "web", Instance: schedule.Instance{ID: "7"}, Spec: &c.spec}
			if got := worker(a, c.container); !maps.Equal(got, c.want) {
				t.Errorf("%v, not %v", got, c.want)
			}
		})
	}
}
