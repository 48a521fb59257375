package plan

import (
	"time"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm"
	"teamtask.dev/swarm/handover"
)

// Situation is all that a decision depends on.
type Situation struct {
	Spec       v1alpha1.SwarmSpec
	Generation int64     // of the spec, for the conditions
	Created    time.Time // when the Swarm was made, by the clock of who keeps it
	Status     v1alpha1.SwarmStatus

	Workloads []swarm.Workload
	Trouble   string // why the workloads or the pool cannot be had, and what to do, in a sentence; "": they can

	Workers []Worker        // of whom each name comes once
	Record  handover.Record // as it was read before the workers were looked at: see [handover.Record]
	Deleted bool            // the Swarm is being deleted
	Now     time.Time
}

// Worker is a member of the pool, or one that is expected.
type Worker struct {
	Name string

	// Incarnation is the present one; "" if there is none. A part for another runs nowhere any more, and never will again. It may
	// be given while the worker is away, where the part outlives the process.
	Incarnation string

	Labels   map[string]string
	Draining bool // it is about to go

	// Unheard says that it was there by the word of an engine before this one, which has not heard of it yet. It is there all the same
	// until its lease has run out; only nobody says that it runs its part.
	Unheard bool

	// Idle says that it does not run, and why, though it is told its part as one that does: it runs that, and nothing else, once it runs.
	// What it has stays with it: to take it away changes its part, and where programs are restarted for that, one that takes longer to
	// start than a Swarm has patience would never get there.
	Idle string

	// Since is when the worker went away, or was first expected; zero if it is there.
	Since time.Time
}

// there tells whether the worker can be granted something.
func (w *Worker) there() bool { return w.Incarnation != "" && w.Since.IsZero() }

// Decision is what is to be done: to write the record if it has changed, head first ([handover.Record]), then the status, if that
// is not written with the head.
type Decision struct {
	handover.Step

	Status v1alpha1.SwarmStatus // with the version and the workers that are being written
	News   bool                 // the status says something new; always so if the record has changed

	// Loads are the sums of weights of the parts that are written, by worker. Where it is not known it is missing, and is as it was.
	Loads map[string]int64

	Result swarm.Result  // what is aimed at; its table alone where nothing may move
	Wake   time.Duration // when to decide again although nothing has happened; 0: never
}

// Idle tells whether a part leaves its worker nothing that it may run.
func Idle(p *handover.Part) bool { return len(p.Grants) == 0 && len(p.Pending()) == 0 }

// Over tells whether no worker may run anything any more. Then a Swarm that is deleted may go.
func Over(r handover.Record) bool {
	for i := range r.Parts {
		if !Idle(&r.Parts[i]) {
			return false
		}
	}
	return true
}
