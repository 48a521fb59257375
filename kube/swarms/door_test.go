package swarms_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/kube/swarms"
	"teamtask.dev/member"
)

var inline = v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: []string{"a", "b"}}}

// A worker makes its Assignment, hears of its part, acknowledges it, and leaves.
func TestLife(t *testing.T) {
	s := open(t, inline)
	w := s.join()
	a := s.assignment()
	if a.Status.Incarnation != w.Incarnation() || a.Status.RenewTime == nil || a.Spec.Labels["zone"] != "a" || a.Spec.User != "member" ||
		!slices.Contains(a.Finalizers, v1alpha1.AssignmentFinalizer) || !metav1.IsControlledBy(a, s.swarm()) {
		t.Errorf("%+v", a)
	}
	s.grant(w.Incarnation(), 3, "a")
	part, err := w.Next(t.Context(), 0)
	s.must(err)
	if part.Version != 3 || len(part.Workloads) != 1 || part.Workloads[0] != (v1alpha1.Grant{Name: "a", Epoch: 3}) {
		t.Errorf("%+v", part)
	}
	s.grant(w.Incarnation(), 4, "a", "b") // while the worker acknowledges the one before: neither is in the other's way
	s.must(w.Renew(t.Context(), member.Report{Version: 3}))
	if got := s.assignment(); got.Status.Draining || got.Status.Version != 3 || !got.Status.RenewTime.After(a.Status.RenewTime.Time) {
		t.Errorf("%+v", got.Status)
	}
	part, err = w.Next(t.Context(), 3)
	s.must(err)
	if part.Version != 4 || len(part.Workloads) != 2 {
		t.Errorf("%+v", part)
	}
	s.must(w.Renew(t.Context(), member.Report{Version: 3, Draining: true}))
	if got := s.assignment(); !got.Status.Draining {
		t.Errorf("%+v", got.Status)
	}
	for _, trouble := range []string{"exit status 1", "exit status 2", ""} {
		s.must(w.Renew(t.Context(), member.Report{Version: 3, Draining: true, Trouble: trouble}))
		if got := s.assignment(); got.Status.Trouble != trouble {
			t.Errorf("it says %q, and the status %q", trouble, got.Status.Trouble)
		}
	}
	s.must(w.Leave(t.Context()))
	if got := s.assignment(); got.Status.Incarnation != "" || got.Status.Version != 3 {
		t.Errorf("%+v", got.Status)
	}
	if err := w.Renew(t.Context(), member.Report{Version: 4}); !errors.Is(err, member.ErrLost) {
		t.Errorf("a worker that has left renews its lease: %v", err)
	}
}

func (s *stage) swarm() *v1alpha1.Swarm {
	s.Helper()
	sw := &v1alpha1.Swarm{}
	s.must(s.Get(s.Context(), ctrl.ObjectKey{Namespace: s.namespace, Name: "streams"}, sw))
	return sw
}

// A part for another incarnation is nobody else's.
func TestForeignPart(t *testing.T) {
	s := open(t, inline)
	w := s.join()
	s.grant("another", 3, "a")
	s.grant(w.Incarnation(), 4, "b")
	part, err := w.Next(t.Context(), 0)
	s.must(err)
	if part.Version != 4 {
		t.Errorf("%+v", part)
	}
}

// A name is its worker's, until the controller says that it is gone.
func TestNameIsTaken(t *testing.T) {
	s := open(t, inline)
	w := s.join()
	other := s.enter(members)
	worker := member.Worker{Name: "w", Labels: map[string]string{"zone": "a"}}
	if _, err := other.Join(t.Context(), worker); err == nil || errors.Is(err, member.ErrRefused) || !strings.Contains(err.Error(), "another worker w is there") {
		t.Fatalf("%v", err)
	}
	s.set(func(st *v1alpha1.AssignmentStatus) { st.Incarnation = "" })
	next, err := other.Join(t.Context(), worker)
	s.must(err)
	if next.Incarnation() == w.Incarnation() {
		t.Error("an incarnation comes twice")
	}
	if _, err := w.Next(t.Context(), 0); !errors.Is(err, member.ErrLost) {
		t.Errorf("%v", err)
	}
	if err := w.Renew(t.Context(), member.Report{}); !errors.Is(err, member.ErrLost) {
		t.Errorf("%v", err)
	}
	if err := w.Leave(t.Context()); !errors.Is(err, member.ErrLost) || s.assignment().Status.Incarnation != next.Incarnation() {
		t.Errorf("%v", err)
	}
}

// What the incarnation before could not do is not said of the next.
func TestTroubleIsTheIncarnations(t *testing.T) {
	s := open(t, inline)
	s.must(s.join().Renew(t.Context(), member.Report{Trouble: "exit status 1"}))
	s.join()
	if got := s.assignment().Status.Trouble; got != "" {
		t.Errorf("%q", got)
	}
}

// A process whose session was lost, or which did not hear that it has joined, need not wait for itself.
func TestOwnFormerIncarnation(t *testing.T) {
	s := open(t, inline)
	s.join()
	w := s.join()
	if s.assignment().Status.Incarnation != w.Incarnation() {
		t.Error("it has not joined anew")
	}
}

// What ends a session while its part is waited for.
func TestLost(t *testing.T) {
	for what, end := range map[string]func(*stage){
		"it is thought gone": func(s *stage) { s.set(func(st *v1alpha1.AssignmentStatus) { st.Incarnation = "" }) },
		"it is deleted": func(s *stage) {
			a := s.assignment()
			a.Finalizers = nil
			s.must(s.Update(s.Context(), a))
			s.must(s.Delete(s.Context(), a))
		},
	} {
		t.Run(what, func(t *testing.T) {
			s := open(t, inline)
			w := s.join()
			lost := make(chan error)
			go func() {
				_, err := w.Next(t.Context(), 0)
				lost <- err
			}()
			end(s)
			if err := <-lost; !errors.Is(err, member.ErrLost) {
				t.Errorf("%v", err)
			}
			if err := w.Renew(t.Context(), member.Report{}); !errors.Is(err, member.ErrLost) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A watch that breaks off is begun anew, by the object's name.
func TestWatchBreaks(t *testing.T) {
	s := open(t, inline)
	w := s.join()
	watches := make(chan *http.Request, 100)
	s.wire.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if r.URL.Query().Get("watch") == "" {
			return send()
		}
		watches <- r
		if len(watches) == 1 {
			return nil, errors.New("the wire is cut")
		}
		resp, err := send()
		if len(watches) == 2 && err == nil {
			resp.Body.Close()
		}
		return resp, err
	})
	parts := make(chan v1alpha1.AssignmentSpec)
	go func() {
		part, err := w.Next(t.Context(), 0)
		if err != nil {
			t.Error(err)
		}
		parts <- part
	}()
	for len(watches) < 3 && t.Context().Err() == nil {
		pause(t.Context())
	}
	s.grant(w.Incarnation(), 7, "a")
	if part := <-parts; part.Version != 7 {
		t.Errorf("%+v", part)
	}
	for len(watches) > 0 {
		if r := <-watches; r.URL.Query().Get("fieldSelector") != "metadata.name=streams.w" {
			t.Errorf("it is watched by %s", r.URL)
		}
	}
}

// The lease is the Swarm's, as it stands when the worker renews it.
func TestLease(t *testing.T) {
	s := open(t, inline)
	w := s.join()
	if w.Lease().String() != "15s" {
		t.Errorf("%s", w.Lease())
	}
	sw := s.swarm()
	sw.Spec.Handover.Lease = &metav1.Duration{Duration: 20e9}
	s.must(s.Update(t.Context(), sw))
	for w.Lease().String() != "20s" {
		s.must(w.Renew(t.Context(), member.Report{}))
		if got := s.assignment().Status.Lease; got == nil || got.Duration != w.Lease() {
			t.Errorf("the worker goes by %s, and the controller by %v", w.Lease(), got)
		}
		pause(t.Context())
	}
}

// Whoever cannot join is told why, and what to do.
func TestRefused(t *testing.T) {
	reload := v1alpha1.SwarmSpec{Pool: &v1alpha1.PoolReference{Kind: "StatefulSet", Name: "p"}, ConfigMap: "parts", Refresh: v1alpha1.RefreshReload,
		VersionFrom: &v1alpha1.VersionSource{Port: 80}}
	pool := v1alpha1.SwarmSpec{Pool: &v1alpha1.PoolReference{Kind: "StatefulSet", Name: "p"}}
	for _, c := range []struct {
		what    string
		spec    v1alpha1.SwarmSpec
		door    func(*stage) *swarms.Door
		refused bool
		says    string
	}{
		{"no right", inline, func(s *stage) *swarms.Door { return s.enter(strangers) }, true, "bind the ClusterRole teamtask-member"},
		{"no Swarm", inline, func(s *stage) *swarms.Door { s.door.Swarm = "others"; return s.door }, true, "there is no swarm others in the namespace"},
		{"told by a ConfigMap", reload, func(s *stage) *swarms.Door { return s.door }, true, "its spec.refresh is Reload, so that its workers are told by ConfigMap parts"},
		{"not in the pool, yet", pool, func(s *stage) *swarms.Door { return s.door }, false, "its workers are the pods of StatefulSet p, named as they are"},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := open(t, c.spec)
			_, err := c.door(s).Join(t.Context(), member.Worker{Name: "w"})
			if err == nil || errors.Is(err, member.ErrRefused) != c.refused || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("other labels", func(t *testing.T) {
		s := open(t, inline)
		s.must(s.join().Leave(t.Context()))
		_, err := s.door.Join(t.Context(), member.Worker{Name: "w"})
		if !errors.Is(err, member.ErrRefused) || !strings.Contains(err.Error(), "Assignment streams.w was made with others (zone=a)") {
			t.Errorf("%v", err)
		}
	})
	if !errors.Is(beforehand, member.ErrRefused) || !strings.Contains(beforehand.Error(), "CustomResourceDefinitions are not installed") {
		t.Errorf("without definitions: %v", beforehand)
	}
}
