package node

import (
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/node/converge"
)

// worker says in a container's environment what it works on, a worklist or a swarm, and under which name: the instance's, which stays the same
// wherever and however often it is started. What the job says itself stands.
func worker(a converge.Action, c job.Container) map[string]string {
	variables := map[string]string{}
	say := func(name, value string) {
		_, said := c.Environment[name]
		for _, s := range c.Secrets {
			said = said || s.Env == name
		}
		if !said {
			variables[name] = value
		}
	}
	switch {
	case a.Spec.Worklist != "":
		say("TEAMTASK_WORKLIST", a.Spec.Worklist)
	case a.Spec.Swarm != "":
		say("TEAMTASK_SWARM", a.Spec.Swarm)
	default:
		return nil
	}
	say("TEAMTASK_WORKER", a.Name+"-"+a.Instance.ID)
	return variables
}
