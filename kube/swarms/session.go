package swarms

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/member"
)

// session is one incarnation of a worker.
type session struct {
	door        *Door
	name        string // of the Assignment
	incarnation string

	mu      sync.Mutex
	lease   time.Duration
	trouble bool // the status may have one of this incarnation's

	following sync.Mutex // held by Next, whose these are
	seen      *v1alpha1.Assignment
	watch     watch.Interface // nil: none is under way
}

func (s *session) Incarnation() string { return s.incarnation }

// Lease is what the last renewal has written.
func (s *session) Lease() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lease
}

// Renew writes that the worker is there, and how it stands.
func (s *session) Renew(ctx context.Context, r member.Report) error {
	swarm := &v1alpha1.Swarm{}
	lease := s.Lease()
	cached := &ctrl.GetOptions{Raw: &metav1.GetOptions{ResourceVersion: "0"}} // what the API server has in its memory is new enough
	if err := s.door.Client.Get(ctx, s.door.key(s.door.Swarm), swarm, cached); err == nil {
		lease = swarm.Spec.Handover.LeaseOrDefault()
	}
	changes := []change{{"add", "/status/renewTime", metav1.NowMicro()}, {"add", "/status/lease", metav1.Duration{Duration: lease}}}
	if r.Version > 0 {
		changes = append(changes, change{"add", "/status/version", r.Version})
	}
	if s.troubled(r.Trouble != "") {
		changes = append(changes, change{"add", "/status/trouble", r.Trouble})
	}
	if r.Draining {
		changes = append(changes, change{"add", "/status/draining", true})
	}
	if err := s.write(ctx, changes...); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = r.Trouble != ""
	s.lease = lease // the controller goes by what stands in the status, so neither counts on one that the other does not know of
	return nil
}

// troubled tells whether the status has to be told of a trouble, or that there is none any more.
func (s *session) troubled(now bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = s.trouble || now
	return s.trouble
}

// Leave takes the incarnation out of the status: nobody is there any more.
func (s *session) Leave(ctx context.Context) error {
	return s.write(ctx, change{"remove", "/status/incarnation", nil})
}

// change is an operation of a JSON patch (RFC 6902).
type change struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// write changes the status, provided that it is this incarnation's still.
func (s *session) write(ctx context.Context, changes ...change) error {
	patch, err := json.Marshal(append([]change{{"test", "/status/incarnation", s.incarnation}}, changes...))
	if err != nil {
		return fmt.Errorf("patch the status of Assignment %s: %w", s.name, err)
	}
	a := &v1alpha1.Assignment{ObjectMeta: metav1.ObjectMeta{Namespace: s.door.Namespace, Name: s.name}}
	err = s.door.Client.Status().Patch(ctx, a, ctrl.RawPatch(types.JSONPatchType, patch))
	switch {
	case err == nil:
		return nil
	case apierrors.IsNotFound(err) && !uninstalled(err):
		return s.lost("the Assignment %s was deleted", s.name)
	case apierrors.IsInvalid(err): // the test failed, or what is written is not taken
		now := &v1alpha1.Assignment{}
		if s.door.Client.Get(ctx, s.door.key(s.name), now) == nil && now.Status.Incarnation != s.incarnation {
			return s.taken(now)
		}
	}
	return s.door.explain("patch assignments/status", s.name, err)
}

func (s *session) lost(format string, args ...any) error {
	return fmt.Errorf("%w: %s", member.ErrLost, fmt.Sprintf(format, args...))
}

// taken says how the incarnation was lost.
func (s *session) taken(a *v1alpha1.Assignment) error {
	if a.Status.Incarnation == "" {
		return s.lost("the Assignment %s says that its worker is gone", s.name)
	}
	return s.lost("another worker has joined under the name %s", a.Spec.Worker)
}
