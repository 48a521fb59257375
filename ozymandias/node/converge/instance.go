package converge

import (
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/schedule"
)

// An instance is planned, or has something on the machine, or both.
type instance struct {
	schedule.Instance
	planned *schedule.Planned // nil if it is not
	waits   string            // what for, while nothing is there

	// there says that something of it is on the machine, or may be; what follows is about that.
	there           bool
	name            string // the job's
	epoch, revision int64
	spec            *job.Job // nil if it is not known what the pod runs
	made            bool     // the pod was made with all of its containers
	spoiled         bool     // the pod is not what it should be, and has to go
	address         string
	containers      map[string]*container
	healthy         time.Time // since when it is; zero while it is not
	leaving         bool      // it is to go
	quiet           time.Time // when names and routes have forgotten it, after which it is stopped; zero if it stays

	doing Verb   // the action that is under way, "" for none
	cut   bool   // and was told to end
	note  string // what it waits for
	brisk bool   // and has a common time for all containers
	doubt bool   // it has to be looked at how it stands

	starting string // the container that was started last
	balked   string // the one that could not be, last; "" once it could

	fault  string // why the last action failed; "" if it did not
	failed Verb   // which one it was
	tries  int    // how many have failed, one after the other
	spoils int    // how often its pod was spoiled, without ten good minutes in between
	retry  time.Time

	condition schedule.Condition
}

// next says what to do for the instance, if anything, and when to look again.
func (i *instance) next(in Input) (action Action, again time.Time) {
	if i.there && i.made && !i.spoiled && i.doing == "" {
		if missing := i.missing(); missing != "" {
			i.spoil(in.Now, "container "+missing+" is not there any more")
		}
	}
	i.leaving = i.leaves(in)
	if !i.leaving {
		i.quiet = time.Time{}
	}
	waiting := in.Now.Before(i.retry)
	switch {
	case !i.there: // whether it may begin is seen for all of them together
		if i.waits = ""; !in.Cease.IsZero() {
			i.waits = "nothing is started while etcd does not answer"
		}
		if waiting {
			again = i.retry
		}
		return action, again
	case i.doing != "":
		return i.interrupt(in), again
	case i.leaving:
		return i.stop(in)
	case i.made && i.doubt && !(waiting && i.failed == Look):
		return i.act(Look), again
	case waiting:
		return action, i.retry
	case !i.made && in.Cease.IsZero() && i.spec != nil:
		return i.act(Make), again
	case !i.made:
		return action, again
	}
	if name := i.unwell(); name != "" {
		i.containers[name].ousted = true
		a := i.act(End)
		a.Container = name
		return a, again
	}
	name, again := i.due(in.Now)
	if name == "" {
		return action, again
	}
	a := i.act(Start)
	a.Container, a.Again = name, i.containers[name].State == Ended
	i.starting = name
	return a, again
}

// begin gives the instance its place on the machine.
func (i *instance) begin(spec *job.Job) {
	*i = instance{Instance: i.Instance, planned: i.planned, there: true, name: spec.Name, epoch: i.planned.Epoch, revision: i.planned.Revision, spec: spec,
		fault: i.fault, failed: i.failed, spoils: i.spoils, condition: i.condition}
}

// act begins an action.
func (i *instance) act(verb Verb) Action {
	i.doing, i.cut, i.brisk = verb, false, false
	i.note = ""
	i.doubt = false // whatever comes of it tells how all stands
	return Action{Verb: verb, Instance: i.Instance, Name: i.name, Epoch: i.epoch, Revision: i.revision, Spec: i.spec}
}

// done takes in what came of the action that is under way.
func (i *instance) done(now time.Time, r Result) {
	verb, cut := i.doing, i.cut
	i.doing, i.cut, i.brisk = "", false, false
	switch {
	case r.Fault == "":
		i.succeed(verb)
	case !cut:
		i.fail(now, verb, r.Fault)
	}
	if r.Pod != nil && i.there && i.made {
		i.take(now, *r.Pod)
	}
	if verb == Look && r.Fault == "" && r.Pod == nil {
		i.spoil(now, "its pod is not there any more")
	}
}

// succeed takes in that an action has succeeded.
func (i *instance) succeed(verb Verb) {
	i.tries = 0
	if !i.spoiled { // or else the pause before it is made anew, and why, are still to come
		i.fault, i.retry = "", time.Time{}
	}
	switch verb {
	case Make:
		i.made = true
	case Start:
		if i.starting == i.balked {
			i.balked = ""
		}
	case Remove:
		i.there, i.made, i.spoiled, i.containers, i.address = false, false, false, nil, ""
	}
}

// fail takes in that an action has failed.
func (i *instance) fail(now time.Time, verb Verb, why string) {
	i.fault, i.failed = why, verb
	if verb == Start {
		i.balked = i.starting
	}
	rest := pause(i.tries)
	if verb == Remove {
		rest = min(rest, insist)
	}
	i.retry = now.Add(rest)
	i.tries++
}

// spoil has the instance made anew.
func (i *instance) spoil(now time.Time, why string) {
	i.spoiled = true
	i.fault, i.failed = why, Make
	i.retry = now.Add(pause(i.spoils))
	i.spoils++
}

// missing names a container that the job has and the pod has not.
func (i *instance) missing() string {
	for _, name := range i.order() {
		if i.containers[name] == nil {
			return name
		}
	}
	return ""
}

// take takes in how the containers stand.
func (i *instance) take(now time.Time, pod Pod) {
	i.address = pod.Address
	for name := range i.containers {
		if _, there := pod.Containers[name]; !there {
			delete(i.containers, name)
		}
	}
	if i.containers == nil {
		i.containers = map[string]*container{}
	}
	for name, facts := range pod.Containers {
		if facts.State == Running && pod.Address == "" && !i.spoiled {
			i.spoil(now, "it has lost its network")
		}
		c := i.containers[name]
		if c == nil {
			c = &container{}
			i.containers[name] = c
		}
		c.take(now, facts, i.policy(name))
	}
}

// restore takes in what was reported of an instance, now in that pod, by an earlier process.
func (i *instance) restore(was schedule.Condition, pod Pod) {
	if was.Epoch != i.epoch {
		return
	}
	i.condition = was
	i.containers = map[string]*container{}
	for name, c := range was.Containers {
		i.containers[name] = &container{exit: c.ExitCode, restarts: c.Restarts, streak: c.Restarts, well: c.Healthy != nil && *c.Healthy}
		if !pod.Containers[name].Started.After(c.Since) { // or else that was before its last start
			i.containers[name].healthy = c.Healthy
			i.containers[name].ousted, i.containers[name].why = c.Ousted != "", c.Ousted
		}
	}
	if was.Healthy {
		i.healthy = was.Since
	}
}
