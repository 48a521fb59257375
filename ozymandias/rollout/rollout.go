package rollout

import (
	"slices"

	"teamtask.dev/ozymandias/job"
)

// A Situation is a job on its way to a revision.
type Situation struct {
	// Wanted are the IDs of the instances, in the order in which they are taken. Extra are those that may be there meanwhile.
	Wanted, Extra []string
	// Target is the revision that all are to run in the end, and Known one that is known to work, or 0.
	Target, Known int64
	// Halted says that nothing is to be changed that runs.
	Halted bool

	Update    job.Update
	Instances map[string]Instance // those that have a place
	// NoPlace are those for which there is none, and not only for a moment. Nothing is waited for that may never come.
	NoPlace map[string]bool
	// Kept are those for which there is no place at the target: they keep what they run, and start at what is known to work.
	Kept map[string]bool
}

// An Instance is one as it is.
type Instance struct {
	Revision int64
	Healthy  bool // it is healthy now
	Settled  bool // it has been for min_healthy
}

// A Step is what is to be.
type Step struct {
	// Run has the instances that are to run, with their revisions.
	Run map[string]int64
	// Up is how many of those wanted are up at the target.
	Up int
	// OnTheWay tells whether an instance was sent to the target that is not up yet.
	OnTheWay bool
	// Done says that all that are wanted are up at the target, and that there are any.
	Done bool
}

// Next makes one step. Without news it makes none: applied to what it said, it says the same.
func Next(s Situation) Step {
	r := roller{Situation: s, step: Step{Run: map[string]int64{}}}
	r.bound()
	r.count()
	r.stay()
	r.start(false)
	if !s.Halted {
		r.surge(false)
		r.replace()
	}
	r.start(true)
	if !s.Halted {
		r.surge(true)
	}
	r.step.Done = len(s.Wanted) > 0 && r.step.Up == len(s.Wanted)
	return r.step
}

type roller struct {
	Situation
	step Step

	unavailable int // at most, of those that have a place
	most        int // on the way at once
	least       int // up
	onTheWay    int
	up          int
	proven      bool // something is up at the target
	old         bool // something that is wanted does not run the target yet
}

// bound reads the bounds. With neither there would be no way to go on at all.
func (r *roller) bound() {
	r.unavailable = r.Update.MaxUnavailable
	if r.Update.MaxSurge == 0 {
		r.unavailable = max(1, r.unavailable)
	}
	r.most = r.Update.MaxSurge + r.unavailable
	for _, id := range r.Wanted {
		if !r.nowhere(id) {
			r.least++
		}
	}
	r.least -= r.unavailable
}

// nowhere tells whether there is no place for an instance.
func (r *roller) nowhere(id string) bool { return r.NoPlace[id] && r.Instances[id].Revision == 0 }

func (r *roller) count() {
	for at, id := range slices.Concat(r.Wanted, r.Extra) {
		in, wanted := r.Instances[id], at < len(r.Wanted)
		switch {
		case in.Revision == 0:
		case r.isUp(in):
			r.up++
			if in.Revision == r.Target {
				r.proven = true
				if wanted {
					r.step.Up++
				}
			}
		case in.Revision == r.Target:
			r.onTheWay++
		}
		r.old = r.old || wanted && in.Revision != 0 && in.Revision != r.Target
	}
	r.step.OnTheWay = r.onTheWay > 0
}

func (r *roller) isUp(in Instance) bool {
	if in.Revision == r.Target {
		return in.Settled
	}
	return in.Healthy
}

// stay says of all that are there what they run if they are not replaced.
func (r *roller) stay() {
	for at, id := range slices.Concat(r.Wanted, r.Extra) {
		if in := r.Instances[id]; in.Revision != 0 && (at < len(r.Wanted) || r.step.Up < len(r.Wanted)) {
			r.step.Run[id] = in.Revision
		}
	}
}

// start says what those run that are wanted and not there: the target, but not one more than may be on their way as long as nothing has
// come up there: then what is known to work, as for what has no place at the target. Those for which there is no place come last, when it is
// decided what goes on without them: so they take nobody's turn, and if this makes a place for them not one more is on its way than may be.
func (r *roller) start(nowhere bool) {
	for _, id := range r.Wanted {
		switch {
		case r.Instances[id].Revision != 0 || r.nowhere(id) != nowhere:
		case r.Known != 0 && (r.Halted || r.Kept[id] || r.onTheWay >= r.most && !r.proven):
			r.step.Run[id] = r.Known
		default:
			r.send(id)
		}
	}
}

// surge starts instances beyond those wanted.
func (r *roller) surge(nowhere bool) {
	for _, id := range r.Extra {
		if r.Instances[id].Revision == 0 && r.nowhere(id) == nowhere && r.old && r.onTheWay < r.most {
			r.step.Run[id] = r.Target
			r.onTheWay++
		}
	}
}

// replace takes what is not up, then what can be spared.
func (r *roller) replace() {
	back := r.Target == r.Known // what is known to work is in nobody's way
	var spare []string
	for _, id := range slices.Concat(r.Wanted, r.Extra) {
		in := r.Instances[id]
		switch _, runs := r.step.Run[id]; {
		case !runs || in.Revision == 0 || in.Revision == r.Target || r.Kept[id]:
		case r.isUp(in):
			spare = append(spare, id)
		case back || r.onTheWay < r.most:
			r.send(id)
		}
	}
	for _, id := range spare {
		if r.onTheWay < r.most && r.up-1 >= r.least {
			r.send(id)
			r.up--
		}
	}
}

func (r *roller) send(id string) {
	r.step.Run[id] = r.Target
	r.onTheWay++
}
