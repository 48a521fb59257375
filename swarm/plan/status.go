package plan

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm/handover"
)

// mostWaits is how many of the workloads that wait a status tells of.
const mostWaits = 32

// standing is how far the swarm is from what is aimed at.
type standing struct {
	there, expected  int   // workers, and those of them that count although they are not there
	current          int   // those that are there and run their part
	moving           int64 // workloads that are not granted yet to the worker that is to have them
	away             int64 // workloads whose worker is not there
	granted          int64
	behind, notThere []string // workers, in order
	unheard          []string
	idle             []string
}

// stand counts.
func (d *decision) stand() (s standing) {
	record := &d.step.Record
	for i := range d.Workers {
		w := &d.Workers[i]
		there, counted := d.counted[w.Name]
		if !counted {
			continue
		}
		p := record.Part(w.Name)
		if p != nil {
			s.granted += int64(len(p.Grants))
		}
		switch {
		case !there:
			s.expected++
			s.notThere = append(s.notThere, w.Name)
		case w.Unheard:
			s.there++
			s.unheard = append(s.unheard, w.Name)
		case w.Idle != "":
			s.there++
			s.idle = append(s.idle, w.Name)
		case p != nil && p.Version > 0 && p.Acknowledged >= p.Version && p.Incarnation == w.Incarnation:
			s.there++
			s.current++
		default:
			s.there++
			s.behind = append(s.behind, w.Name)
		}
	}
	for _, wanted := range d.result.Table {
		p := record.Part(wanted.Worker)
		switch {
		case !d.counted[wanted.Worker]:
			s.away += int64(len(wanted.Workloads))
		case p == nil || p.Incarnation != d.present[wanted.Worker]:
			s.moving += int64(len(wanted.Workloads))
		default:
			n := missing(wanted.Workloads, p.Grants)
			s.moving += n
			if slices.Contains(s.idle, wanted.Worker) {
				s.away += int64(len(wanted.Workloads)) - n
			}
		}
	}
	return s
}

// missing is how many of the names, which are in order, are not granted.
func missing(names []string, grants []handover.Grant) (n int64) {
	for _, name := range names {
		for len(grants) > 0 && grants[0].Workload < name {
			grants = grants[1:]
		}
		if len(grants) == 0 || grants[0].Workload != name {
			n++
		}
	}
	return n
}

// status is the next status, and whether it says something new.
func (d *decision) status() (v1alpha1.SwarmStatus, bool) {
	s := d.stand()
	next := *d.Status.DeepCopy()
	next.EpochBase = int64(d.step.Record.Base)
	next.Version, next.Writing = int64(d.step.Record.Revision), d.step.Record.Writing
	next.Workers = int32(s.there + s.expected)
	next.Current = fmt.Sprintf("%d/%d", s.current, s.there+s.expected)
	if d.Trouble == "" {
		next.Workloads = int64(len(d.Workloads))
	}
	next.Moving, next.Waiting, next.Waits = s.moving, s.away+int64(len(d.result.Waiting)), d.waits()
	if d.hold && d.Trouble == "" {
		next.Waiting = max(0, next.Workloads-s.granted) + s.away
	}
	now := metav1.NewTime(d.Now)
	set := func(kind string, state metav1.ConditionStatus, reason, text string) {
		if old := meta.FindStatusCondition(next.Conditions, kind); old != nil && old.LastTransitionTime.Unix() <= 0 {
			meta.RemoveStatusCondition(&next.Conditions, kind) // the schema's, which knows no time
		}
		meta.SetStatusCondition(&next.Conditions, metav1.Condition{Type: kind, Status: state, Reason: reason, Message: v1alpha1.Cut(text, longest),
			ObservedGeneration: d.Generation, LastTransitionTime: now})
	}
	state, reason, text := d.converged(s)
	set(v1alpha1.ConditionConverged, state, reason, text)
	state, reason, text = d.balanced(s)
	set(v1alpha1.ConditionBalanced, state, reason, text)
	return next, d.step.Changed || !equality.Semantic.DeepEqual(next, d.Status)
}

// waits are some of those that wait.
func (d *decision) waits() (out []v1alpha1.WaitingWorkload) {
	for _, w := range d.result.Waiting[:min(mostWaits, len(d.result.Waiting))] {
		out = append(out, v1alpha1.WaitingWorkload{Name: w.Workload, Reason: v1alpha1.Cut(why(w)+"; "+d.advice(w.Reason), longest)})
	}
	return out
}

// longest is what the schema of a status takes as a sentence, in bytes.
const longest = 1024
