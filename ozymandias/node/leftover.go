package node

import (
	"maps"
	"slices"
	"time"

	"teamtask.dev/ozymandias/schedule"
)

// leftovers are the volumes that are left over, with since when this process has seen them so. That nobody tells the next process only
// means that they are kept for longer.
type leftovers map[schedule.Leftover]time.Time

// look takes in what is left over at a time, and returns what was not before. What is in use for a while is seen anew after that.
func (l leftovers) look(now time.Time, left []schedule.Leftover) (fresh []schedule.Leftover) {
	maps.DeleteFunc(l, func(v schedule.Leftover, _ time.Time) bool { return !slices.Contains(left, v) })
	for _, v := range left {
		if _, known := l[v]; !known {
			l[v] = now
			fresh = append(fresh, v)
		}
	}
	return fresh
}

// longest is what has been left over for the longest time, but for what was tried.
func (l leftovers) longest(tried map[schedule.Leftover]bool) (longest schedule.Leftover, found bool) {
	for v, since := range l {
		if !tried[v] && (!found || since.Before(l[longest])) {
			longest, found = v, true
		}
	}
	return longest, found
}
