package assignments

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"teamtask.dev/api/v1alpha1"
)

// Situation is all that a decision depends on.
type Situation struct {
	Now        metav1.Time
	Assignment *v1alpha1.Assignment
	Swarm      *v1alpha1.SwarmSpec
	Published  *v1alpha1.Published // all entries, with refresh Reload or Restart; nil: there is no ConfigMap that can be read
	Pod        *Pod                // of the worker's name; nil: there is none
	Answer     *Answer             // the pod's; nil: it was not asked

	// What is remembered. A controller that begins anew knows of nothing, and gives everybody their full time.
	Home     types.UID     // the pod that the worker's incarnation was seen in; "": it was not
	Silent   time.Duration // how long the worker has not renewed its lease
	Behind   time.Duration // how long it has run an older version than is wanted, without getting any further
	Restarts int           // how often its pod was deleted for that, since it last ran what was wanted
}

// Pod is what matters of a worker's pod.
type Pod struct {
	UID     types.UID
	Own     bool   // it was made for the pool: another one of the worker's name is not ours to touch
	Leaving bool   // it is being deleted, and runs still
	Address string // "": it has none yet
	Idle    string // why it does not run; "": it does
	Touched string // what it was last touched with
}

// Answer is what a pod said when it was asked which version it runs.
type Answer struct {
	Version int64
	Trouble string // why it did not say; "": it did
}

// Plan is what is to be done.
type Plan struct {
	Ask bool // ask the pod first, and decide again with its answer

	Status v1alpha1.AssignmentStatus
	Write  bool   // the status, which is news
	Gone   string // why the worker is held to be gone, if that is news

	Touch   string // touch the pod with this; "": do not
	Restart string // delete the pod, and this is why; "": do not

	Again time.Duration // when to decide again although nothing has happened; 0: never
}

func (s *Situation) timeout() time.Duration { return s.Swarm.Handover.TimeoutOrDefault() }

// lease is what the worker goes by, which may not have heard yet of a change of the Swarm's.
func (s *Situation) lease() time.Duration {
	if l := s.Assignment.Status.Lease; l != nil && l.Duration > 0 {
		return l.Duration
	}
	return s.Swarm.Handover.LeaseOrDefault()
}

// watches tells whether the worker acknowledges by itself.
func watches(s *v1alpha1.SwarmSpec) bool {
	return s.Refresh != v1alpha1.RefreshReload && s.Refresh != v1alpha1.RefreshRestart
}
