package cli

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/listing"
	"teamtask.dev/cli/text"
	"teamtask.dev/client"
)

// The columns are those that kubectl shows, by the definitions of the kinds.

var swarmKind = kind{Plural: "swarms", Singular: "swarm", Short: "sw", About: "List swarms", Argument: "NAME", None: "There are no swarms.", Aged: true,
	Header: []string{"NAME", "STATUS", "WORKERS", "CURRENT", "WORKLOADS", "MOVING", "WAITING"},
	Wide:   []string{"VERSION", "BALANCED", "MESSAGE"},
	Read: func(ctx context.Context, c *client.Client, names []string) (f listing.Found, err error) {
		swarms, err := swarms(ctx, c, names)
		if err != nil {
			return f, err
		}
		for i := range swarms {
			sw := &swarms[i]
			s := &sw.Status
			balanced, _ := condition(s.Conditions, v1alpha1.ConditionBalanced)
			_, message := condition(s.Conditions, v1alpha1.ConditionConverged)
			f.Rows = append(f.Rows, listing.Row{Name: sw.Name, Created: sw.CreationTimestamp.Time,
				Cells: []string{sw.Name, s.Phase(), text.Count(int64(s.Workers)), s.Current, text.Count(s.Workloads), text.Count(s.Moving), text.Count(s.Waiting)},
				Wide:  []string{fmt.Sprint(s.Version), balanced, message}})
		}
		f.Object = v1alpha1.SwarmList{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: "SwarmList"}, Items: swarms}
		if len(names) == 1 {
			f.Object = swarms[0]
		}
		return f, nil
	}}

// swarms are those named, or all.
func swarms(ctx context.Context, c *client.Client, names []string) ([]v1alpha1.Swarm, error) {
	out := []v1alpha1.Swarm{}
	for _, name := range names {
		sw, err := c.GetSwarm(ctx, name)
		if err != nil {
			return nil, err
		}
		out = append(out, *sw)
	}
	if len(names) > 0 {
		return out, nil
	}
	for sw, err := range c.Swarms(ctx) {
		if err != nil {
			return nil, err
		}
		out = append(out, *sw)
	}
	return out, nil
}

var assignmentKind = kind{Plural: "assignments", Singular: "assignment", Short: "asg", About: "List what the workers of swarms are to run, and what they run", Argument: "SWARM[.WORKER]",
	None:   "There are no assignments.",
	Aged:   true,
	Header: []string{"NAME", "STATUS", "WORKLOADS", "WANTED", "RUNS"},
	Wide:   []string{"SWARM", "WORKER", "LOAD", "MESSAGE"},
	Read: func(ctx context.Context, c *client.Client, names []string) (f listing.Found, err error) {
		assignments, err := assignments(ctx, c, names)
		if err != nil {
			return f, err
		}
		for i := range assignments {
			a := &assignments[i]
			_, message := condition(a.Status.Conditions, v1alpha1.ConditionCurrent)
			f.Rows = append(f.Rows, listing.Row{Name: a.Name, Created: a.CreationTimestamp.Time,
				Cells: []string{a.Name, a.Status.Phase(), text.Count(a.Spec.Count), fmt.Sprint(a.Spec.Version), fmt.Sprint(a.Status.Version)},
				Wide:  []string{a.Spec.Swarm, a.Spec.Worker, text.Count(a.Spec.Load), message}})
		}
		f.Object = v1alpha1.AssignmentList{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: "AssignmentList"}, Items: assignments}
		if len(names) == 1 && strings.Contains(names[0], ".") {
			f.Object = assignments[0]
		}
		return f, nil
	}}

// assignments are those named, as SWARM.WORKER, or those of the swarms named, or all. A swarm's name has no dots.
func assignments(ctx context.Context, c *client.Client, names []string) ([]v1alpha1.Assignment, error) {
	out := []v1alpha1.Assignment{}
	if len(names) == 0 {
		names = []string{""}
	}
	for _, name := range names {
		if swarm, worker, one := strings.Cut(name, "."); one {
			a, err := c.Assignment(ctx, swarm, worker)
			if err != nil {
				return nil, err
			}
			out = append(out, *a)
			continue
		}
		for a, err := range c.Assignments(ctx, name) {
			if err != nil {
				return nil, err
			}
			out = append(out, *a)
		}
	}
	return out, nil
}

// condition is the reason and the message of a condition; "" if it is not there.
func condition(all []metav1.Condition, kind string) (reason, message string) {
	if c := meta.FindStatusCondition(all, kind); c != nil {
		return c.Reason, c.Message
	}
	return "", ""
}
