package converge

import (
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/schedule"
)

// A Verb is what is done with an instance.
type Verb string

// The verbs. But for Cut, which answers nothing, each is answered by a [Result].
const (
	Make   Verb = "make"   // its image, volumes and secrets, and its pod with all containers; first removes what is left of an earlier attempt
	Start  Verb = "start"  // one container
	End    Verb = "end"    // one container, in its grace
	Look   Verb = "look"   // how it stands
	Remove Verb = "remove" // ends all containers and removes the pod, and all others of the instance
	Cut    Verb = "cut"    // the action that is under way: it is to answer soon, and may leave things half done
)

// An Action is to be done with an instance.
type Action struct {
	Verb      Verb
	Instance  schedule.Instance
	Name      string // the job's
	Epoch     int64
	Revision  int64
	Spec      *job.Job // what the pod runs; nil if that is not known, which it is for all but Remove
	Container string   // to be started or ended
	// Again says, for Start, that the container has run before.
	Again bool
	// Within is, for Remove, the time that all containers have together, from now on; with 0 they are ended one after the other, each
	// in its own grace.
	Within time.Duration
}

// A Result is what came of an action.
type Result struct {
	Instance schedule.Instance
	// Fault says why it failed, for people; "" if it did not. One that was cut has failed, too.
	Fault string
	// Pod is what is there now; nil if that is not known, or nothing is. After a failure to make it, it is not asked for.
	Pod *Pod
}

// A Pod is what is on the machine of an instance.
type Pod struct {
	Address    string
	Containers map[string]Facts
}

// begun tells whether anything of the pod was ever started. If not, it may have been left in the midst of being made: also one with all of
// its containers, whose secrets are given to their users after that.
func (p Pod) begun() bool {
	for _, c := range p.Containers {
		if !c.Started.IsZero() {
			return true
		}
	}
	return false
}

// A Facts is how a container stands.
type Facts struct {
	State          State
	Started, Ended time.Time
	ExitCode       int
	OutOfMemory    bool
	Error          string // why it could not be started
	Last           string // the last line that it wrote, if it has ended
}

// A State is that of a container.
type State int

// The states.
const (
	Created State = iota // never started
	Running
	Ended
)

// A Found is a pod that was there before this process of the node.
type Found struct {
	Instance        schedule.Instance
	Name            string // the job's
	Epoch, Revision int64
	Pod             Pod
	// Was is what was reported of it last, if anything was.
	Was schedule.Condition
}
