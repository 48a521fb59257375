package blocks

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"teamtask.dev/api/v1alpha1"
)

// sightings are when each Block's worker was last heard of.
type sightings struct {
	mu   sync.Mutex
	seen map[types.NamespacedName]sighting
}

type sighting struct {
	uid   types.UID
	turn  int64
	renew time.Time // as the worker wrote it
	at    time.Time // when it was seen to have changed
}

// note takes in a Block as it is, and returns when its worker was last heard of: at the latest when it was given its turn.
func (s *sightings) note(b *v1alpha1.Block, now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := types.NamespacedName{Namespace: b.Namespace, Name: b.Name}
	x := sighting{uid: b.UID, turn: b.Status.Turn, at: now}
	if r := b.Status.RenewTime; r != nil {
		x.renew = r.Time
	}
	if old := s.seen[name]; old.uid == x.uid && old.turn == x.turn && old.renew.Equal(x.renew) {
		return old.at
	}
	if s.seen == nil {
		s.seen = map[types.NamespacedName]sighting{}
	}
	s.seen[name] = x
	return now
}

func (s *sightings) forget(name types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.seen, name)
}
