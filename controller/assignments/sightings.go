package assignments

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"teamtask.dev/api/v1alpha1"
)

// sightings are when each worker was last seen to renew its lease, and to get any further, by this controller's own clock.
type sightings struct {
	mu   sync.Mutex
	seen map[types.NamespacedName]sighting
}

// sighting is of one Assignment.
type sighting struct {
	uid     types.UID
	version string // the newest that was seen

	incarnation string
	renew       time.Time // as the worker wrote it
	heard       time.Time // when that was seen to have changed
	home        types.UID // the pod in which the incarnation was seen

	progress progress
	since    time.Time // when that was seen to have changed
	restarts int       // since it last ran what was wanted, and that was something
}

// progress is how far a worker has come.
type progress struct {
	behind         bool
	pod            string
	version, reads int64
}

// note takes in an Assignment as it is, or as it was some time ago, and returns what is known of its worker.
func (s *sightings) note(a *v1alpha1.Assignment, now time.Time) sighting {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := types.NamespacedName{Namespace: a.Namespace, Name: a.Name}
	x := sighting{uid: a.UID, version: a.ResourceVersion, incarnation: a.Status.Incarnation, heard: now, since: now,
		progress: progress{behind(a), a.Status.Pod, a.Status.Version, a.Status.Reads}}
	if r := a.Status.RenewTime; r != nil {
		x.renew = r.Time
	}
	if old, known := s.seen[name]; known && old.uid == x.uid {
		if older(x.version, old.version) {
			return old
		}
		if old.incarnation == x.incarnation {
			x.home = old.home
			if old.renew.Equal(x.renew) {
				x.heard = old.heard
			}
			if old.progress == x.progress {
				x.since = old.since
			}
		}
		if a.Spec.Count == 0 || a.Status.Incarnation != a.Spec.Incarnation || a.Status.Version < a.Spec.Version {
			x.restarts = old.restarts
		}
	}
	if s.seen == nil {
		s.seen = map[types.NamespacedName]sighting{}
	}
	s.seen[name] = x
	return x
}

// older tells whether a version is known to be before another.
func older(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order < 0
}

// house takes in that a pod of the worker's name was there after the worker's incarnation was. Its incarnation is in that pod, or was
// in one before it: it is gone once the pod is.
func (s *sightings) house(a *v1alpha1.Assignment, pod types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := types.NamespacedName{Namespace: a.Namespace, Name: a.Name}
	if x, known := s.seen[name]; known && x.uid == a.UID && x.incarnation == a.Status.Incarnation && x.home == "" {
		x.home = pod
		s.seen[name] = x
	}
}

// restarted takes in that the worker's pod was deleted for being late. The next one has its full time.
func (s *sightings) restarted(a *v1alpha1.Assignment, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := types.NamespacedName{Namespace: a.Namespace, Name: a.Name}
	if x, known := s.seen[name]; known && x.uid == a.UID {
		x.restarts++
		x.since = now
		s.seen[name] = x
	}
}

func (s *sightings) forget(name types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.seen, name)
}
