package plan

import (
	"time"

	"teamtask.dev/swarm/handover"
)

// count finds out which workers are shared among.
func (d *decision) count() {
	for i := range d.Workers {
		w := &d.Workers[i]
		if w.Incarnation != "" {
			d.present[w.Name] = w.Incarnation
		}
		if w.there() || d.patient(w) {
			d.counted[w.Name] = w.there()
		}
	}
}

// patient tells whether a worker that is not there is waited for.
func (d *decision) patient(w *Worker) bool {
	return !d.Deleted && !w.Draining && (d.hold || d.Now.Before(d.until(w)))
}

// until is when a worker that is not there is waited for no longer.
func (d *decision) until(w *Worker) time.Time {
	return w.Since.Add(d.Spec.Handover.PatienceOrDefault())
}

// pool is what the handover is told of the workers. A worker that is waited for is not held to be gone: it keeps what it has.
func (d *decision) pool() handover.Pool {
	members := map[string]string{}
	for name, there := range d.counted {
		if there && !d.Deleted {
			members[name] = d.present[name]
		}
	}
	return handover.Pool{Members: members, Gone: func(worker, incarnation string) bool {
		present := d.present[worker]
		if _, counted := d.counted[worker]; counted && present == "" {
			return false
		}
		return incarnation == "" || incarnation != present
	}}
}

// wake is when the next worker is waited for no longer.
func (d *decision) wake() (next time.Duration) {
	if d.hold {
		return 0
	}
	for i := range d.Workers {
		w := &d.Workers[i]
		if there, counted := d.counted[w.Name]; counted && !there {
			if rest := d.until(w).Sub(d.Now); next == 0 || rest < next {
				next = rest
			}
		}
	}
	return next
}
