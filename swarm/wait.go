package swarm

import (
	"fmt"
	"slices"
	"strings"
)

// Reason is why a workload waits.
type Reason string

const (
	NoWorkers Reason = "NoWorkers" // the pool is empty, or all of it is draining
	NoMatch   Reason = "NoMatch"   // no worker has the labels it requires
	NoRoom    Reason = "NoRoom"    // no worker that it may use has room for its weight
	NotAlone  Reason = "NotAlone"  // it is exclusive, and no worker is free for it alone
	Taken     Reason = "Taken"     // every worker that it may use belongs to an exclusive workload
)

// Wait is a workload that is not given what it asks for, and why.
type Wait struct {
	Workload string
	Reason   Reason
	Missing  []string // NoMatch: as label=value, the first one that no worker has, or all where only their combination is missing
	Weight   int64    // NoRoom: what it needs
	Free     int64    // NoRoom: the most that a worker it may use has free; for an exclusive workload, the largest capacity
	Draining bool     // NoWorkers: there are workers, but all are draining

	// StaysOn is the draining worker that keeps it meanwhile, because there is no room elsewhere; "" where it does not run.
	StaysOn string
}

// String is the reason in words, for the person who waits.
func (w Wait) String() string {
	var why string
	switch w.Reason {
	case NoWorkers:
		why = "there are no workers"
		if w.Draining {
			why = "all workers are draining"
		}
	case NoMatch:
		why = "no worker has label " + strings.Join(w.Missing, " and ")
	case NoRoom:
		why = fmt.Sprintf("no room: it needs %d, and the most that a worker it may use has free is %d", w.Weight, w.Free)
	case NotAlone:
		why = "no worker is free for it alone"
	case Taken:
		why = "every worker that it may use belongs to an exclusive workload"
	}
	if w.StaysOn != "" {
		why = fmt.Sprintf("stays on %s, which is draining: %s", w.StaysOn, why)
	}
	return w.Workload + ": " + why
}

// obstacle is what stands in the way of workloads with the same requirements. It is looked up once for all of them.
type obstacle struct {
	missing []string // labels, where no worker has them
	shared  bool     // some worker is not an exclusive workload's
	free    int64    // the most that is free on one
	largest int64    // the largest capacity, whoever has it
}

func (p *problem) obstacle(k int32) *obstacle {
	if len(p.kinds[k].workers) == 0 {
		return &obstacle{missing: p.missing(p.kinds[k].require)}
	}
	var o obstacle
	for _, w := range p.kinds[k].workers {
		capacity := p.workers[w].Capacity
		if capacity == 0 {
			capacity = MaxWeight
		}
		o.largest = max(o.largest, capacity)
		if p.held[w] == none {
			o.shared = true
			o.free = max(o.free, capacity-p.load[w])
		}
	}
	return &o
}

// missing is the first label that no worker has, or all of them where each can be had, but not together.
func (p *problem) missing(require []label) (all []string) {
	for at, l := range require {
		text := l.name + "=" + l.value
		if !slices.ContainsFunc(p.workers, func(w Worker) bool { return !w.Draining && w.fulfils(require[at:at+1]) }) {
			return []string{text}
		}
		all = append(all, text)
	}
	return all
}

// explain says why a workload waits.
func (p *problem) explain(i int32, o *obstacle) Wait {
	w := &p.workloads[i]
	wait := Wait{Workload: w.Name}
	if to := p.at[i]; to != none {
		wait.StaysOn = p.workers[to].Name
	}
	noRoom := func(free int64) { wait.Reason, wait.Weight, wait.Free = NoRoom, w.units(), free }
	switch {
	case p.live == 0:
		wait.Reason, wait.Draining = NoWorkers, len(p.workers) > 0
	case len(o.missing) > 0:
		wait.Reason, wait.Missing = NoMatch, o.missing
	case w.units() > o.largest:
		noRoom(o.largest)
	case w.Exclusive:
		wait.Reason = NotAlone
	case !o.shared:
		wait.Reason = Taken
	default:
		noRoom(o.free)
	}
	return wait
}
