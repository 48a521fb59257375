package pools

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm/plan"
)

// world is a pool, the Kubernetes controller that makes and deletes its pods, and the Assignments, to which workloads are granted
// unless they are draining.
type world struct {
	Situation
	born int
}

func newWorld(kind string) *world {
	w := &world{Situation: Situation{Swarm: &v1alpha1.Swarm{}, Pool: Pool{Settled: true}}}
	w.Swarm.Name, w.Swarm.Spec.Pool, w.Swarm.Spec.Replicas = "s", &v1alpha1.PoolReference{Kind: kind, Name: "w"}, new(int32)
	return w
}

func (w *world) assignment(worker string) *v1alpha1.Assignment {
	i := slices.IndexFunc(w.Assignments, func(a v1alpha1.Assignment) bool { return a.Spec.Worker == worker })
	if i < 0 {
		return nil
	}
	return &w.Assignments[i]
}

// kubernetes has as many pods as are wanted, and returns those that it deletes.
func (w *world) kubernetes() (deleted []string) {
	if w.Swarm.Spec.Pool.Kind == "Deployment" {
		slices.SortStableFunc(w.Pods, func(a, b Pod) int {
			x, _ := strconv.Atoi(a.Cost)
			y, _ := strconv.Atoi(b.Cost)
			return -cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(x, y), b.Created.Compare(a.Created))
		})
	}
	for len(w.Pods) > w.Pool.Replicas {
		deleted = append(deleted, w.Pods[len(w.Pods)-1].Name)
		w.Pods = w.Pods[:len(w.Pods)-1]
	}
	for len(w.Pods) < w.Pool.Replicas {
		w.born++
		p := Pod{Name: fmt.Sprint("w-", w.born), Created: time.Unix(int64(w.born), 0), Rank: 4}
		if w.Swarm.Spec.Pool.Kind == "StatefulSet" {
			p.Name = fmt.Sprint("w-", len(w.Pods))
		}
		w.Pods = append(w.Pods, p)
	}
	return deleted
}

// carryOut makes so many of a plan's writes.
func (w *world) carryOut(t *rapid.T, p Plan, writes int) {
	may := func() bool { writes--; return writes >= 0 }
	for _, x := range p.Create {
		if w.assignment(x.Name) != nil {
			t.Fatalf("%s has an Assignment", x.Name)
		}
		if may() {
			w.Assignments = append(w.Assignments, v1alpha1.Assignment{Spec: v1alpha1.AssignmentSpec{Swarm: "s", Worker: x.Name, Draining: x.Draining, Incarnation: "i"},
				Status: v1alpha1.AssignmentStatus{Incarnation: "i"}})
		}
	}
	for _, u := range p.Update {
		if may() {
			w.assignment(u.Assignment.Spec.Worker).Spec.Draining = u.Draining
		}
	}
	for _, a := range p.Delete {
		if slices.ContainsFunc(w.Pods, func(p Pod) bool { return p.Name == a.Spec.Worker }) {
			t.Fatalf("the Assignment of %s is deleted, whose pod is there", a.Spec.Worker)
		}
		if may() {
			w.assignment(a.Spec.Worker).DeletionTimestamp = &metav1.Time{Time: now}
		}
	}
	for _, c := range p.Costs {
		if may() {
			w.Pods[slices.IndexFunc(w.Pods, func(p Pod) bool { return p.Name == c.Pod })].Cost = c.Cost
		}
	}
	if p.Replicas == nil || !may() {
		return
	}
	before := w.Pool.Replicas
	w.Pool.Replicas = *p.Replicas
	for _, name := range w.kubernetes() {
		if a := w.assignment(name); a != nil {
			if part := plan.Part(a); !a.Spec.Draining || !plan.Idle(&part) {
				t.Fatalf("scaled from %d to %d, and %s goes, which is not drained: %+v", before, w.Pool.Replicas, name, a.Spec)
			}
		} else {
			t.Fatalf("scaled from %d to %d, and %s goes, which has no Assignment", before, w.Pool.Replicas, name)
		}
	}
}

// handOver does what other controllers do for one Assignment: what is draining is taken its workloads, others may be granted some; what
// is deleted goes.
func (w *world) handOver(i int, grant, acknowledge bool) {
	a := &w.Assignments[i]
	switch {
	case (a.Spec.Draining || !a.DeletionTimestamp.IsZero()) && len(a.Spec.Workloads) > 0:
		a.Spec.Version++
		a.Spec.Revoked = append(a.Spec.Revoked, v1alpha1.Revocation{Name: "x", Epoch: 1, Version: a.Spec.Version})
		a.Spec.Workloads, a.Spec.Load = nil, 0
	case grant && !a.Spec.Draining && a.DeletionTimestamp.IsZero():
		a.Spec.Version++
		a.Spec.Workloads, a.Spec.Load = []v1alpha1.Grant{{Name: "x", Epoch: 1}}, 1
	}
	if acknowledge {
		a.Status.Version = a.Spec.Version
	}
	if part := plan.Part(a); !a.DeletionTimestamp.IsZero() && plan.Idle(&part) {
		w.Assignments = slices.Delete(w.Assignments, i, i+1)
	}
}

// Whatever is wanted in between, and wherever the controller stops, the Swarm scales away nothing but what is drained, and in the end
// there are as many pods as are wanted, each with an Assignment.
func TestModel(t *testing.T) {
	for _, kind := range []string{"StatefulSet", "Deployment"} {
		t.Run(kind, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { live(t, newWorld(kind)) })
		})
	}
}

func live(t *rapid.T, w *world) {
	t.Repeat(map[string]func(*rapid.T){
		"goal":   func(t *rapid.T) { *w.Swarm.Spec.Replicas = rapid.Int32Range(0, 5).Draw(t, "goal") },
		"settle": func(t *rapid.T) { w.Pool.Settled = rapid.Bool().Draw(t, "settled") },
		"decide": func(t *rapid.T) { w.carryOut(t, Decide(w.Situation), rapid.IntRange(0, 10).Draw(t, "writes")) },
		"hand over": func(t *rapid.T) {
			if n := len(w.Assignments); n > 0 {
				w.handOver(rapid.IntRange(0, n-1).Draw(t, "assignment"), rapid.Bool().Draw(t, "grant"), rapid.Bool().Draw(t, "acknowledge"))
			}
		},
		"pod": func(t *rapid.T) {
			if n := len(w.Pods); n > 0 {
				w.Pods[rapid.IntRange(0, n-1).Draw(t, "pod")].Rank = rapid.IntRange(2, 4).Draw(t, "rank")
			}
		},
	})
	w.Pool.Settled = true
	for round, quiet := 0, 0; quiet < 3; round++ {
		if round > 50 {
			t.Fatalf("no end: %+v", w.Situation)
		}
		p := Decide(w.Situation)
		w.carryOut(t, p, 1000)
		for i := len(w.Assignments) - 1; i >= 0; i-- {
			w.handOver(i, false, true)
		}
		if quiet++; !p.Empty() || len(w.Assignments) != len(w.Pods) {
			quiet = 0
		}
	}
	if goal := int(*w.Swarm.Spec.Replicas); len(w.Pods) != goal || w.Pool.Replicas != goal {
		t.Fatalf("%d pods of %d, not %d", len(w.Pods), w.Pool.Replicas, goal)
	}
	for _, p := range w.Pods {
		if a := w.assignment(p.Name); a == nil || a.Spec.Draining || p.Cost == low {
			t.Fatalf("%+v: %+v", p, a)
		}
	}
}
