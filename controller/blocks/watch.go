package blocks

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"teamtask.dev/api/v1alpha1"
)

// sightings are when each Block's worker was last heard of.
type sightings struct {
	mu   sync.Mutex
	seen map[types.NamespacedName]sighting
	deaf bool // the API server cannot be reached: nobody is silent
}

type sighting struct {
	uid     types.UID
	version string // the newest that was seen
	turn    int64
	renew   time.Time // as the worker wrote it
	at      time.Time // when it was seen to have changed
}

// note takes in a Block as it is, or as it was some time ago, and returns when its worker was last heard of: at the latest when it
// was given its turn.
func (s *sightings) note(b *v1alpha1.Block, now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := types.NamespacedName{Namespace: b.Namespace, Name: b.Name}
	x := sighting{uid: b.UID, version: b.ResourceVersion, turn: b.Status.Turn, at: now}
	if r := b.Status.RenewTime; r != nil {
		x.renew = r.Time
	}
	old, known := s.seen[name]
	switch {
	case s.deaf, !known:
	case older(x.version, old.version): // the watch is behind the poll, or the other way round
		return old.at
	case old.uid == x.uid && old.turn == x.turn && old.renew.Equal(x.renew):
		x.at = old.at
	}
	if s.seen == nil {
		s.seen = map[types.NamespacedName]sighting{}
	}
	s.seen[name] = x
	return x.at
}

// older tells whether a version is known to be before another.
func older(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order < 0
}

// deafen takes in that the API server cannot be reached.
func (s *sightings) deafen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf = true
}

// hear takes in that it can. If it could not be, all workers have their full time once more: they had no way to be heard.
func (s *sightings) hear(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.deaf {
		return
	}
	s.deaf = false
	for name, x := range s.seen {
		x.at = now
		s.seen[name] = x
	}
}

func (s *sightings) forget(name types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.seen, name)
}

// keep forgets what was last heard of before some time and is not there any more.
func (s *sightings) keep(there map[types.NamespacedName]bool, before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, x := range s.seen {
		if !there[name] && x.at.Before(before) {
			delete(s.seen, name)
		}
	}
}
