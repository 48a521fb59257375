package pools

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// say tells a plan in words.
func say(p Plan) string {
	var out []string
	for _, w := range p.Create {
		out = append(out, "create "+w.Name+draining(w.Draining))
	}
	for _, u := range p.Update {
		out = append(out, "update "+u.Assignment.Spec.Worker+draining(u.Draining))
	}
	for _, a := range p.Delete {
		out = append(out, "delete "+a.Spec.Worker)
	}
	for _, c := range p.Costs {
		out = append(out, fmt.Sprintf("cost %s %q", c.Pod, c.Cost))
	}
	if p.Replicas != nil {
		out = append(out, fmt.Sprintf("scale to %d", *p.Replicas))
	}
	return strings.Join(out, ", ")
}

func draining(d bool) string {
	if d {
		return " draining"
	}
	return ""
}

// worker is an Assignment that has been acknowledged, and may have something.
func worker(name string, load int64, changes ...func(*v1alpha1.Assignment)) v1alpha1.Assignment {
	a := v1alpha1.Assignment{ObjectMeta: metav1.ObjectMeta{Name: "s." + name}, Spec: v1alpha1.AssignmentSpec{Swarm: "s", Worker: name, Incarnation: "i", Version: 5, Load: load, Labels: map[string]string{"app": "w"}},
		Status: v1alpha1.AssignmentStatus{Incarnation: "i", Version: 5}}
	if load > 0 {
		a.Spec.Workloads = []v1alpha1.Grant{{Name: name + "'s", Epoch: 5}}
	}
	for _, c := range changes {
		c(&a)
	}
	return a
}

func drains(a *v1alpha1.Assignment) { a.Spec.Draining = true }

// lettingGo is about a worker that has not acknowledged yet that what it had is taken away.
func lettingGo(a *v1alpha1.Assignment) {
	a.Spec.Version, a.Spec.Revoked = 6, []v1alpha1.Revocation{{Name: "x", Epoch: 5, Version: 6}}
}

func deleted(a *v1alpha1.Assignment) { a.DeletionTimestamp = &metav1.Time{Time: now} }

func pod(name string, changes ...func(*Pod)) Pod {
	p := Pod{Name: name, Labels: map[string]string{"app": "w"}, Created: now, Rank: 4}
	for _, c := range changes {
		c(&p)
	}
	return p
}

func leaving(p *Pod)   { p.Leaving = true }
func unready(p *Pod)   { p.Rank = 3 }
func chosen(p *Pod)    { p.Cost = low }
func priceless(p *Pod) { p.Cost = "7" }
func younger(p *Pod)   { p.Created = now.Add(time.Minute) }

func TestDecide(t *testing.T) {
	set := func(replicas int, goal int32) Situation {
		s := Situation{Swarm: &v1alpha1.Swarm{}, Pool: Pool{Replicas: replicas, Labels: map[string]string{"app": "w"}, Settled: true}}
		s.Swarm.Name = "s"
		s.Swarm.Spec.Pool = &v1alpha1.PoolReference{Kind: "StatefulSet", Name: "w"}
		if goal >= 0 {
			s.Swarm.Spec.Replicas = &goal
		}
		return s
	}
	deployment := func(replicas int, goal int32) Situation {
		s := set(replicas, goal)
		s.Swarm.Spec.Pool.Kind = "Deployment"
		return s
	}
	const asIs = -1
	with := func(s Situation, what ...any) Situation {
		for _, w := range what {
			switch w := w.(type) {
			case v1alpha1.Assignment:
				s.Assignments = append(s.Assignments, w)
			case Pod:
				s.Pods = append(s.Pods, w)
			}
		}
		return s
	}
	unsettled := func(s Situation) Situation { s.Pool.Settled = false; return s }
	from := func(first int, s Situation) Situation { s.Pool.First = first; return s }
	for _, c := range []struct {
		what string
		s    Situation
		want string
	}{
		{"a StatefulSet: its pods are expected", set(2, asIs), "create w-0, create w-1"},
		{"from its first ordinal", from(3, set(2, asIs)), "create w-3, create w-4"},
		{"all is well", with(set(2, asIs), worker("w-0", 1), worker("w-1", 1), pod("w-0"), pod("w-1")), ""},
		{"a pod is not there", with(set(2, asIs), worker("w-0", 1), worker("w-1", 1), pod("w-0")), ""},
		{"a pod restarts", with(set(2, asIs), worker("w-0", 1), worker("w-1", 1), pod("w-0"), pod("w-1", leaving)), ""},
		{"a pod has other labels", with(set(1, asIs), worker("w-0", 1), pod("w-0", func(p *Pod) { p.Labels = map[string]string{"app": "w", "gpu": "true"} })), "update w-0"},
		{"somebody scales it down", with(set(1, asIs), worker("w-0", 1), worker("w-1", 1), pod("w-0"), pod("w-1")), "update w-1 draining"},
		{"its pod is gone", with(set(1, asIs), worker("w-0", 1), worker("w-1", 1, drains), pod("w-0")), "delete w-1"},
		{"its Assignment is on its way", with(set(1, asIs), worker("w-0", 1), worker("w-1", 1, drains, deleted), pod("w-0")), ""},
		{"it is scaled up again too soon", with(set(2, asIs), worker("w-0", 1), worker("w-1", 0, drains, deleted), pod("w-0")), ""},
		{"it is scaled up again", with(set(2, asIs), worker("w-0", 1), worker("w-1", 1, drains), pod("w-0"), pod("w-1", leaving)), "update w-1"},
		{"somebody else's worker", with(set(1, asIs), worker("w-0", 1), worker("x", 1), pod("w-0")), "delete x"},
		{"it is not the Swarm that scales it", with(set(0, asIs), worker("w-0", 0, drains), pod("w-0", leaving)), ""},

		{"more are wanted", with(set(1, 3), worker("w-0", 1), pod("w-0")), "create w-1, create w-2, scale to 3"},
		{"fewer are wanted", with(set(3, 1), worker("w-0", 1), worker("w-1", 1), worker("w-2", 1), pod("w-0"), pod("w-1"), pod("w-2")),
			"update w-1 draining, update w-2 draining"},
		{"they have it all still", with(set(3, 1), worker("w-0", 1), worker("w-1", 1, drains), worker("w-2", 1, drains), pod("w-0"), pod("w-1"), pod("w-2")), ""},
		{"one runs it still", with(set(3, 1), worker("w-0", 1), worker("w-1", 0, drains), worker("w-2", 0, drains, lettingGo), pod("w-0"), pod("w-1"), pod("w-2")), ""},
		{"the last is drained", with(set(3, 1), worker("w-0", 1), worker("w-1", 1, drains), worker("w-2", 0, drains), pod("w-0"), pod("w-1"), pod("w-2")), "scale to 2"},
		{"all are drained", with(set(3, 1), worker("w-0", 1), worker("w-1", 0, drains), worker("w-2", 0, drains), pod("w-0"), pod("w-1"), pod("w-2")), "scale to 1"},
		{"it has nothing, and may be given something", with(set(2, 1), worker("w-0", 1), worker("w-1", 0), pod("w-0"), pod("w-1")), "update w-1 draining"},
		{"it has no Assignment yet", with(set(2, 1), worker("w-0", 1), pod("w-0"), pod("w-1")), "create w-1 draining"},
		{"it never came", with(set(2, 1), worker("w-0", 1), pod("w-0")), "scale to 1"},
		{"none are wanted", with(set(1, 0), worker("w-0", 0, drains), pod("w-0")), "scale to 0"},
		{"it is to stay after all", with(set(2, 2), worker("w-0", 1), worker("w-1", 0, drains), pod("w-0"), pod("w-1")), "update w-1"},

		{"a Deployment: its pods are there", with(deployment(2, asIs), pod("w-a"), pod("w-b")), "create w-a, create w-b"},
		{"they are expected, and their names are not known", deployment(2, asIs), ""},
		{"one is deleted", with(deployment(2, asIs), worker("w-a", 1), worker("w-b", 1), pod("w-a"), pod("w-b", leaving)), "update w-b draining"},
		{"before it was known", with(deployment(2, asIs), worker("w-a", 1), pod("w-a"), pod("w-b", leaving)), ""},
		{"one is gone", with(deployment(2, asIs), worker("w-a", 1), worker("w-b", 1), pod("w-a")), "delete w-b"},
		{"more pods are wanted", with(deployment(1, 3), worker("w-a", 1), pod("w-a")), "scale to 3"},
		{"fewer pods are wanted", with(deployment(3, 1), worker("w-a", 2), worker("w-b", 3), worker("w-c", 1), pod("w-a"), pod("w-b"), pod("w-c")),
			"update w-a draining, update w-c draining"},
		{"a cost that somebody has set", with(deployment(2, 1), worker("w-a", 2), worker("w-b", 3), pod("w-a", priceless), pod("w-b", priceless)), "update w-a draining"},
		{"some are not ready", with(deployment(3, 1), worker("w-a", 2), worker("w-b", 3), worker("w-c", 1), pod("w-a"), pod("w-b", unready), pod("w-c")),
			"update w-b draining, update w-c draining"},
		{"one that is not ready would go instead", with(deployment(3, 1), worker("w-a", 2), worker("w-b", 1, drains), worker("w-c", 0, drains), pod("w-a"), pod("w-b", unready), pod("w-c", chosen)), ""},
		{"the younger", with(deployment(2, 1), worker("w-a", 1), worker("w-b", 1), pod("w-a", younger), pod("w-b")), "update w-a draining"},
		{"who was chosen stays so", with(deployment(2, 1), worker("w-a", 1), worker("w-b", 2, drains), pod("w-a"), pod("w-b")), ""},
		{"and goes", with(deployment(2, 1), worker("w-a", 1), worker("w-b", 0, drains), pod("w-a"), pod("w-b", chosen)), "scale to 1"},
		{"not before Kubernetes knows", with(deployment(2, 1), worker("w-a", 1), worker("w-b", 0, drains), pod("w-a"), pod("w-b")), `cost w-b "-1000000"`},
		{"one after the other", with(deployment(3, 1), worker("w-a", 1), worker("w-b", 0, drains), worker("w-c", 1, drains), pod("w-a"), pod("w-b", chosen), pod("w-c")), "scale to 2"},
		{"others are not to go instead", with(deployment(3, 1), worker("w-a", 1), worker("w-b", 0, drains), worker("w-c", 1, drains), pod("w-a"), pod("w-b", chosen), pod("w-c", chosen)), `cost w-c "", scale to 2`},
		{"the pods it has are few anyway", with(deployment(5, 1), worker("w-a", 1), worker("w-b", 1, drains), pod("w-a"), pod("w-b")), "scale to 2"},
		{"nobody has to go", with(deployment(5, 1), worker("w-a", 1), pod("w-a")), "scale to 1"},
		{"in the middle of a change of its template", unsettled(with(deployment(2, 1), worker("w-a", 1), worker("w-b", 1), pod("w-a"), pod("w-b"))), ""},
		{"which changes nothing for those who go", unsettled(with(deployment(2, 1), worker("w-a", 1), worker("w-b", 0, drains), pod("w-a"), pod("w-b", chosen))), ""},
		{"all are to stay after all", with(deployment(2, 2), worker("w-a", 1), worker("w-b", 0, drains), pod("w-a"), pod("w-b", chosen)), `update w-b, cost w-b ""`},
	} {
		t.Run(c.what, func(t *testing.T) {
			if got := say(Decide(c.s)); got != c.want {
				t.Errorf("%s; want\n%s", got, c.want)
			}
		})
	}
}

// An Assignment takes so many labels, and no more.
func TestBounded(t *testing.T) {
	labels := map[string]string{}
	for i := range 100 {
		labels[fmt.Sprintf("l-%02d", i)] = "x"
	}
	if got := bounded(labels); len(got) != 64 || got["l-63"] != "x" {
		t.Errorf("%d labels", len(got))
	}
}
