package schedule

import "slices"

// movesAtOnce is how many instances that are up may be on their way at once from nodes that they are to leave. Each node that takes them has
// images to fetch, and whoever waits in line for that is better off where it runs.
const movesAtOnce = 16

// turns are who may leave a node now, of what is up. At first the first ones may. If some of those have nowhere to go, while others wait, it
// is looked where all would go at once; and those that go somewhere then get the turns. If none of them can go without others, as where two
// nodes are to change what they run, all may. A look is a placement of its own, so there are four at most.
type turns struct {
	together bool               // none could go without others, so all may
	all      bool               // it is looked where all would go
	given    map[Instance]bool  // who has a turn, once that is known; nil before
	rooted   map[Instance]*Wait // what has nowhere to go, and why
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
		if len(t.given) < movesAtOnce || slices.ContainsFunc(d.wants, going) {
			return false
		}
		t.given, t.rooted, t.together = nil, nil, true
		return true
	case t.together:
		return false
	case !t.all:
		t.all = slices.ContainsFunc(d.wants, func(w *want) bool { return w.behind }) &&
			slices.ContainsFunc(d.wants, func(w *want) bool { return w.turn && !going(w) })
		return t.all
	}
	var all []*want
	leaves, rooted := map[string]bool{}, map[Instance]*Wait{}
	for _, w := range d.wants {
		switch {
		case going(w):
			all, leaves[w.home.Name] = append(all, w), true
		case w.turn:
			rooted[w.Instance] = w.wait
		}
	}
	slices.SortStableFunc(all, func(a, b *want) int { return first(!leaves[a.at], !leaves[b.at]) }) // some may have room only where others leave
	free := movesAtOnce - (d.moving - len(all) - len(rooted))
	if len(all) <= free {
		return false
	}
	clear(d.kept) // this and the rest was found where all went at once
	clear(d.trial)
	clear(d.mustStop)
	clear(d.nowhere)
	t.rooted, t.given = rooted, map[Instance]bool{}
	for _, w := range all[:max(0, free)] {
		t.given[w.Instance] = true
	}
	return true
}
