package swarms

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/chaos"
)

// watcher sees every version of the Assignments, Swarms and ConfigMaps of a namespace, each kind in the order in which they were written.
type watcher struct {
	*chaos.View
	assignments map[string]*v1alpha1.Assignment
	swarms      map[string]*v1alpha1.Swarm
	published   map[string]*v1alpha1.Published // by ConfigMap
}

func watch(t *testing.T, c client.WithWatch, ns string) *watcher {
	t.Helper()
	w := &watcher{View: chaos.NewView(t), assignments: map[string]*v1alpha1.Assignment{}, swarms: map[string]*v1alpha1.Swarm{},
		published: map[string]*v1alpha1.Published{}}
	w.Follow(c, ns, w.take, &v1alpha1.AssignmentList{}, &v1alpha1.SwarmList{}, &corev1.ConfigMapList{})
	return w
}

func (w *watcher) take(kind apiwatch.EventType, o client.Object) {
	switch o := o.(type) {
	case *v1alpha1.Assignment:
		if w.assignments[o.Name] = o; kind == apiwatch.Deleted {
			delete(w.assignments, o.Name)
		}
		w.check(o)
	case *v1alpha1.Swarm:
		if w.swarms[o.Name] = o; kind == apiwatch.Deleted {
			delete(w.swarms, o.Name)
		}
	case *corev1.ConfigMap:
		if text, ok := o.Data[v1alpha1.PublishedKey]; ok && kind != apiwatch.Deleted {
			w.checkPublished(o.Name, text)
		} else {
			delete(w.published, o.Name)
		}
	}
}

// check: what an Assignment grants, no other one grants, or has taken away from a worker that is there and has not said that it let go.
func (w *watcher) check(a *v1alpha1.Assignment) {
	for _, name := range held(a) {
		for _, b := range w.assignments {
			if b.Name == a.Name || b.Spec.Swarm != a.Spec.Swarm || !slices.Contains(held(b), name) {
				continue
			}
			w.Breach("both %s (version %d) and %s (version %d) may run %s", a.Name, a.Spec.Version, b.Name, b.Spec.Version, name)
		}
	}
}

// checkPublished: no workload stands with two workers, versions grow, and an entry with the same jobs keeps its own.
func (w *watcher) checkPublished(name, text string) {
	now, err := v1alpha1.ReadPublished(text)
	if err != nil {
		w.Breach("ConfigMap %s: %v", name, err)
		return
	}
	by := map[string]string{}
	for worker, part := range now.Workloads {
		for _, job := range part.Jobs {
			if other := by[job]; other != "" {
				w.Breach("ConfigMap %s has %s both with %s and with %s", name, job, worker, other)
			}
			by[job] = worker
		}
	}
	if before := w.published[name]; before != nil {
		if now.Version <= before.Version && text != before.String() {
			w.Breach("ConfigMap %s has version %d after %d", name, now.Version, before.Version)
		}
		for worker, part := range now.Workloads {
			if old := before.Of(worker); old != nil && slices.Equal(old.Jobs, part.Jobs) != (old.Version == part.Version) {
				w.Breach("ConfigMap %s has %v for %s at version %d, after %v at %d", name, part.Jobs, worker, part.Version, old.Jobs, old.Version)
			}
		}
	}
	w.published[name] = now
}

// held is what a worker may run, by what its Assignment says.
func held(a *v1alpha1.Assignment) (names []string) {
	if a.Spec.Incarnation != a.Status.Incarnation {
		return nil // its worker is gone, or there is another one
	}
	for _, g := range a.Spec.Workloads {
		names = append(names, g.Name)
	}
	for _, r := range a.Spec.Revoked {
		if r.Version > a.Status.Version {
			names = append(names, r.Name)
		}
	}
	return names
}

// describe says what is there, for a test that fails.
func (w *watcher) describe() string {
	w.Lock()
	defer w.Unlock()
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(w.swarms)) {
		s := w.swarms[name].Status
		fmt.Fprintf(&out, "Swarm %s, version %d: %d workers, %s current, %d workloads, %d moving, %d waiting, writing %v, deleted %v\n", name, s.Version, s.Workers, s.Current,
			s.Workloads, s.Moving, s.Waiting, s.Writing, w.swarms[name].DeletionTimestamp)
		for _, c := range s.Conditions {
			fmt.Fprintf(&out, "  %s %s, %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.assignments)) {
		a := w.assignments[name]
		fmt.Fprintf(&out, "Assignment %s for %q: version %d %v, revoked %v; %q runs %d, %s; draining %v, deleted %v\n", name, a.Spec.Incarnation, a.Spec.Version, a.Spec.Workloads,
			a.Spec.Revoked, a.Status.Incarnation, a.Status.Version, a.Status.Phase(), a.Spec.Draining, a.DeletionTimestamp)
	}
	return out.String()
}
