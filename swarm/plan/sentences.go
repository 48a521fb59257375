package plan

import (
	"fmt"
	"math"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm"
)

// Reasons of the condition Balanced.
const (
	balanced = "Balanced"
	uneven   = "Uneven"
)

// converged says where the swarm stands.
func (d *decision) converged(s standing) (metav1.ConditionStatus, string, string) {
	no := func(reason, format string, args ...any) (metav1.ConditionStatus, string, string) {
		return metav1.ConditionFalse, reason, fmt.Sprintf(format, args...)
	}
	switch {
	case d.Deleted:
		return no(v1alpha1.SwarmMoving, "the Swarm is being deleted: it goes once its workers have let go of everything")
	case d.Trouble != "":
		return no(v1alpha1.SwarmInvalid, "%s; until then everything stays where it is", d.Trouble)
	case d.Spec.Suspend:
		return no(v1alpha1.SwarmSuspended, "everything stays where it is, and what has no owner waits, until spec.suspend is false")
	case s.there == 0:
		return no(v1alpha1.SwarmNoWorkers, "%s", d.nobody(s))
	case s.moving > 0:
		return no(v1alpha1.SwarmMoving, "%s on the way to %s worker%s", count(s.moving, "workload is", "workloads are"), its(s.moving), d.holding())
	case len(s.behind) > 0:
		return no(v1alpha1.SwarmMoving, "everything is granted; %s not said yet that %s", have(s.behind), theirs(s.behind))
	case len(s.unheard) > 0:
		return metav1.ConditionUnknown, v1alpha1.SwarmUnknown, fmt.Sprintf("the server has just taken the Swarm over, and %s not been heard of since: whoever is silent is held to be gone when its lease has run out", have(s.unheard))
	case len(s.idle) > 0:
		return no(v1alpha1.SwarmWaiting, "%s not run, and %s for %s: %s", do(s.idle), count(s.away, "workload waits", "workloads wait"), them(s.idle), d.idle(s.idle))
	case len(d.result.Waiting) > 0:
		w := d.result.Waiting[0]
		return no(v1alpha1.SwarmWaiting, "%s; %s: %s; %s", count(int64(len(d.result.Waiting)), "workload waits", "workloads wait"), w.Workload, why(w), d.advice(w.Reason))
	case s.expected > 0:
		text := fmt.Sprintf("%s not there", are(s.notThere))
		if s.away > 0 {
			text += fmt.Sprintf(", and %s for %s", count(s.away, "workload waits", "workloads wait"), them(s.notThere))
		}
		return no(v1alpha1.SwarmWaiting, "%s; %s", text, d.patience(s.notThere))
	case len(d.Workloads) == 0:
		return metav1.ConditionTrue, v1alpha1.SwarmConverged, d.none()
	}
	return metav1.ConditionTrue, v1alpha1.SwarmConverged, fmt.Sprintf("%s on %s", count(int64(len(d.Workloads)), "workload", "workloads"), count(int64(s.there), "worker", "workers"))
}

// nobody says that nobody is there, and what to do.
func (d *decision) nobody(s standing) string {
	if s.expected > 0 {
		return fmt.Sprintf("%s expected, and not there; %s", are(s.notThere), d.patience(s.notThere))
	}
	return "there are no workers; " + d.more()
}

// none says that there are no workloads, and where they would come from.
func (d *decision) none() string {
	if d.Spec.Workloads.ConfigMaps != nil {
		return "there are no workloads: no ConfigMap that spec.workloads.configMaps selects has any"
	}
	return "there are no workloads: name some in spec.workloads"
}

// more says how to get more workers.
func (d *decision) more() string {
	if p := d.Spec.Pool; p != nil {
		return fmt.Sprintf("scale %s %s up, or see why its pods do not run (kubectl get pods)", p.Kind, p.Name)
	}
	return "start some that join, with `teamtask join` or `teamtask swarm agent`"
}

// patience says how long the first of some workers is waited for.
func (d *decision) patience(names []string) string {
	first := "it"
	if len(names) > 1 {
		first = names[0]
	}
	for i := range d.Workers {
		if w := &d.Workers[i]; w.Name == names[0] {
			return fmt.Sprintf("%s is waited for until %s, then others get what it has", first, d.until(w).UTC().Format(time.RFC3339))
		}
	}
	return ""
}

// idle says why the first of some workers does not run.
func (d *decision) idle(names []string) string {
	for i := range d.Workers {
		switch w := &d.Workers[i]; {
		case w.Name != names[0]:
		case len(names) > 1:
			return w.Name + ": " + w.Idle
		default:
			return w.Idle
		}
	}
	return ""
}

// holding says who holds up the handovers.
func (d *decision) holding() string {
	by := map[string]bool{}
	var names []string
	for _, b := range d.step.Blocked {
		if b.By != "" && !by[b.By] {
			by[b.By] = true
			names = append(names, b.By)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("; %s yet to let go of what it had", have(names))
}

// balanced tells whether the loads are even and nothing waits.
func (d *decision) balanced(s standing) (metav1.ConditionStatus, string, string) {
	switch {
	case d.Deleted:
		return metav1.ConditionUnknown, v1alpha1.SwarmMoving, "the Swarm is being deleted"
	case d.Trouble != "":
		return metav1.ConditionUnknown, v1alpha1.SwarmInvalid, "it is not known what there is to be shared out: see the condition Converged"
	case d.hold:
		return metav1.ConditionUnknown, v1alpha1.SwarmSuspended, "nothing is balanced until spec.suspend is false"
	case len(d.counted) == 0:
		return metav1.ConditionFalse, v1alpha1.SwarmNoWorkers, d.nobody(s)
	case len(d.result.Waiting) > 0:
		return metav1.ConditionFalse, v1alpha1.SwarmWaiting, fmt.Sprintf("%s for room: see status.waits", count(int64(len(d.result.Waiting)), "workload waits", "workloads wait"))
	}
	least, most, heaviest := d.spread()
	switch {
	case least > most:
		return metav1.ConditionTrue, balanced, "no workers are shared"
	case float64(most) > d.result.Ideal+float64(heaviest) || float64(least) < d.result.Ideal-float64(heaviest):
		return metav1.ConditionFalse, uneven, fmt.Sprintf("loads are %d to %d: labels that workloads require, or spec.capacity, do not let them be more even", least, most)
	case least == most:
		return metav1.ConditionTrue, balanced, fmt.Sprintf("every load is %d", least)
	}
	return metav1.ConditionTrue, balanced, fmt.Sprintf("loads are %d to %d", least, most)
}

// spread is the least and the greatest load among the workers that share, and the heaviest workload that is not exclusive.
func (d *decision) spread() (least, most, heaviest int64) {
	exclusive, draining := map[string]bool{}, map[string]bool{}
	for i := range d.Workloads {
		if w := &d.Workloads[i]; w.Exclusive {
			exclusive[w.Name] = true
		} else {
			heaviest = max(heaviest, w.Weight, 1)
		}
	}
	for i := range d.Workers {
		draining[d.Workers[i].Name] = d.Workers[i].Draining
	}
	least = math.MaxInt64
	for i, p := range d.result.Table {
		if draining[p.Worker] || len(p.Workloads) == 1 && exclusive[p.Workloads[0]] {
			continue
		}
		least, most = min(least, d.result.Loads[i]), max(most, d.result.Loads[i])
	}
	return least, most, heaviest
}

// why is why a workload waits, without its name.
func why(w swarm.Wait) string { return strings.TrimPrefix(w.String(), w.Workload+": ") }

// advice says what to do about it.
func (d *decision) advice(r swarm.Reason) string {
	switch r {
	case swarm.NoMatch:
		return "give a worker the labels, or take them out of what the workload requires"
	case swarm.NoRoom:
		return "add workers, raise spec.capacity, or lower the weight"
	case swarm.NotAlone:
		return "add a worker, or do without exclusive"
	case swarm.Taken:
		return "add workers"
	}
	return d.more()
}

func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func its(n int64) string {
	if n == 1 {
		return "its"
	}
	return "their"
}

// theirs is what workers that are behind have yet to say.
func theirs(names []string) string {
	if len(names) == 1 {
		return "its part is what it runs"
	}
	return "their parts are what they run"
}

func are(names []string) string { return who(names, "is", "are") }

func them(names []string) string {
	if len(names) == 1 {
		return "it"
	}
	return "them"
}

func do(names []string) string { return who(names, "does", "do") }

func have(names []string) string { return who(names, "has", "have") }

// who names the first of them.
func who(names []string, one, many string) string {
	switch n := len(names); n {
	case 1:
		return "worker " + names[0] + " " + one
	case 2:
		return fmt.Sprintf("workers %s and %s %s", names[0], names[1], many)
	default:
		return fmt.Sprintf("worker %s and %d others %s", names[0], n-1, many)
	}
}
