package schedule

import (
	"slices"
	"time"

	"teamtask.dev/ozymandias/placement"
)

// A Forecast is what a change comes to in the end, when deploys and drains are through.
type Forecast struct {
	// Verdict is about what the change itself brings about: Fits if nothing waits that would have had a place without it.
	Verdict placement.Verdict
	// Placed are those that get a place, and Moves those that go elsewhere.
	Placed []placement.Placement
	Moves  []placement.Move
	// Waits are those that would wait because of the change.
	Waits []Wait
}

// Preview says what would become of everything if the state were changed, such as by [State.Put] or [State.Drain]. Nothing is
// decided: as the state may be another when the change is made, so may be the outcome.
func Preview(before, after State, now time.Time) (Forecast, error) {
	was, err := foresee(before, now)
	if err != nil {
		return Forecast{}, err
	}
	will, err := foresee(after, now)
	if err != nil {
		return Forecast{}, err
	}
	waited := map[Instance]bool{}
	for _, w := range was.wants {
		waited[w.Instance] = w.wait != nil
	}
	f := Forecast{Verdict: placement.Fits}
	for _, w := range will.wants {
		switch {
		case w.wait == nil && w.home == nil:
			f.Placed = append(f.Placed, placement.Placement{Name: w.name, Node: w.at})
		case w.wait == nil && w.home.Name != w.at:
			f.Moves = append(f.Moves, placement.Move{Name: w.name, From: w.home.Name, To: w.at, Why: w.move})
		case w.wait != nil && !waited[w.Instance]:
			f.Waits = append(f.Waits, *w.wait)
			if f.Verdict != placement.ProvedInfeasible {
				f.Verdict = w.wait.Verdict
			}
		}
	}
	return f, nil
}

// Losses says for each node that is alive what would be lost if it died: see [placement.WithoutEach].
func Losses(s State, now time.Time) ([]placement.Loss, error) {
	d, err := foresee(s, now)
	if err != nil {
		return nil, err
	}
	publishers, elsewhere := map[placement.Name]*want{}, d.publishers()
	for _, w := range d.wants {
		w.from = w.at
		w.stays = false
		w.tied = nil // who has lost its node has lost its volumes
		if w.ports = (portRules{banned: elsewhere[atRevision{w.task, w.revision}]}); len(w.ports.banned) > 0 {
			publishers[w.name] = w
		}
		if s := w.task.storage; s != nil && w.at != "" && d.Node(w.at).Labels[StorageLabel] == "" {
			s.groups, s.choice = [][]string{nil}, 0 // and so has its job: they begin anew elsewhere
		}
	}
	losses, err := placement.WithoutEach(d.problem(d.wants))
	daemons := map[string]bool{}
	for _, t := range d.tasks {
		daemons[t.Spec.Name] = daemons[t.Spec.Name] || t.Spec.Daemon && !t.Deleted
	}
	for i := range losses {
		l := &losses[i] // a daemon's instance is of no use elsewhere: it is not lost, but not wanted any more
		l.Lost = slices.DeleteFunc(l.Lost, func(w placement.Waiting) bool { return daemons[w.Job] })
		for at := range l.Lost {
			if w := publishers[l.Lost[at].Name]; w != nil && l.Lost[at].Refusal.Usable == 0 { // for placement it may only be where it is
				r := &l.Lost[at].Refusal
				r.Tied, r.Requires, r.Nodes = nil, []string{"free " + ports(w.spec)}, []placement.Obstacle{{Reason: placement.Labels}}
			}
		}
		if len(l.Lost)+len(l.Displaced) == 0 {
			l.Verdict = placement.Fits
		}
	}
	return losses, err
}

// foresee decides where everything is in the end.
func foresee(s State, now time.Time) (*decider, error) {
	var d *decider
	tooLarge := map[Instance]kept{}
	for again := true; again; again = d.keep() {
		d = newDecider(s, now)
		d.end, d.kept = true, tooLarge
		clear(d.held) // it has stopped by then
		for _, t := range d.tasks {
			d.advance(t)
		}
		if err := d.place(); err != nil {
			return nil, err
		}
	}
	d.excuse()
	return d, nil
}
