package schedule

import "slices"

// movesAtOnce is how many instances that are up may be on their way at once from nodes that they are to leave. Each node that takes them has
// images to fetch, and whoever waits in line for that is better off where it runs.
const movesAtOnce = 16

// turns are who may leave a node now, of what is up. At first the first ones may. If some of those have nowhere to go, while others wait, it
// is looked where all would go at once; and those that go somewhere then get the turns. A look is a placement of its own, so there are three
// at most.
type turns struct {
	all    bool               // it is looked where all would go
	given  map[Instance]bool  // who has a turn, once that is known; nil before
	rooted map[Instance]*Wait // what has nowhere to go, and why
}

// allow tells whether an instance may leave, while so many are on their way.
func (t *turns) allow(w *want, moving int) bool {
	if t.given != nil {
		return t.given[w.Instance]
	}
	return t.all || moving < movesAtOnce
}

// giveTurns gives turns to others if some of those who had one have nowhere to go.
func (d *decider) giveTurns() (again bool) {
	t := d.turns
	going := func(w *want) bool { return w.turn && w.at != w.home.Name }
	switch {
	case t.given != nil:
		return false
	case !t.all:
		t.all = slices.ContainsFunc(d.wants, func(w *want) bool { return w.behind }) &&
			slices.ContainsFunc(d.wants, func(w *want) bool { return w.turn && !going(w) })
		return t.all
	}
	leaves, rooted := map[string]bool{}, map[Instance]*Wait{}
	for _, w := range d.wants {
		switch {
		case going(w):
			leaves[w.home.Name] = true
		case w.turn:
			rooted[w.Instance] = w.wait
		}
	}
	var first, then []*want // some may have room only where others leave
	for _, w := range d.wants {
		switch {
		case going(w) && !leaves[w.at]:
			first = append(first, w)
		case going(w):
			then = append(then, w)
		}
	}
	all := slices.Concat(first, then)
	free := movesAtOnce - (d.moving - len(all) - len(rooted))
	if len(all) <= free {
		return false
	}
	t.rooted, t.given = rooted, map[Instance]bool{}
	for _, w := range all[:max(0, free)] {
		t.given[w.Instance] = true
	}
	return true
}
