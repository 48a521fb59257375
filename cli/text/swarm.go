package text

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm/plan"
)

// DescribeSwarm tells all about a Swarm: who has what, in which version, what is on its way, and what waits. The Assignments are all
// of its own, in order. more says where the rest is that is not shown.
func DescribeSwarm(sw *v1alpha1.Swarm, parts []v1alpha1.Assignment, more string) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		if text := fmt.Sprintf(format, args...); text != "" {
			fmt.Fprintf(&b, "%-14s %s\n", name+":", text)
		}
	}
	s := &sw.Status
	line("Name", "%s", sw.Name)
	line("Namespace", "%s", sw.Namespace)
	line("Created", "%s (%s ago)", sw.CreationTimestamp.Format(time.RFC3339), Age(sw.CreationTimestamp.Time))
	line("Pool", "%s", pool(&sw.Spec))
	line("Refresh", "%s", refresh(&sw.Spec))
	line("Handover", "%s", handover(&sw.Spec.Handover))
	line("Phase", "%s", s.Phase())
	line("Reason", "%s", message(s, v1alpha1.ConditionConverged))
	line("Balanced", "%s", message(s, v1alpha1.ConditionBalanced))
	line("Version", "%d", s.Version)
	line("Current", "%s run their part", cmp.Or(s.Current, "0/0"))
	line("Workloads", "%s: %s moving, %s waiting", Count(s.Workloads), Count(s.Moving), Count(s.Waiting))
	owners(&b, parts, more)
	failures(&b, parts, more)
	moves(&b, parts, more)
	waits(&b, s)
	return b.String()
}

func pool(s *v1alpha1.SwarmSpec) string {
	switch {
	case s.Pool == nil:
		return "workers that join"
	case s.Replicas != nil:
		return fmt.Sprintf("%s %s, scaled to %s", s.Pool.Kind, s.Pool.Name, Count(int64(*s.Replicas)))
	}
	return s.Pool.Kind + " " + s.Pool.Name
}

func refresh(s *v1alpha1.SwarmSpec) string {
	how := string(cmp.Or(s.Refresh, v1alpha1.RefreshWatch))
	if s.ConfigMap != "" {
		how += ", published in ConfigMap " + s.ConfigMap
	}
	return how
}

func handover(h *v1alpha1.HandoverPolicy) string {
	how := []string{string(cmp.Or(h.Mode, v1alpha1.HandoverSafe))}
	if h.Lease != nil {
		how = append(how, "lease "+h.Lease.Duration.String())
	}
	if h.Patience != nil {
		how = append(how, "patience "+h.Patience.Duration.String())
	}
	if h.Timeout != nil {
		how = append(how, "timeout "+h.Timeout.Duration.String())
	}
	return strings.Join(how, ", ")
}

// message is what a condition says; "" if it is not there.
func message(s *v1alpha1.SwarmStatus, condition string) string {
	if c := meta.FindStatusCondition(s.Conditions, condition); c != nil {
		return c.Message
	}
	return ""
}

// How many workers, workloads of one, and workloads that move are shown.
const (
	mostOwners = 100
	mostOwned  = 100
	mostMoves  = 100
	mostFails  = 20
)

// A line is as wide as a terminal, as far as names go: what a worker has goes on in the next one after ownedWide characters, and
// no more workloads than waitingTogether that wait for one reason stand together.
const (
	ownedWide       = 60
	waitingTogether = 8
)

// owners writes who has what, and which version of it is wanted and acknowledged.
func owners(b *strings.Builder, parts []v1alpha1.Assignment, more string) {
	if len(parts) == 0 {
		return
	}
	b.WriteString("Workers:\n")
	shown := parts[:min(len(parts), mostOwners)]
	t := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "  NAME\tSTATUS\tWANTED\tRUNS\tWORKLOADS")
	for i := range shown {
		a := &shown[i]
		names := make([]string, 0, min(len(a.Spec.Workloads), mostOwned))
		for _, g := range a.Spec.Workloads[:cap(names)] {
			names = append(names, g.Name)
		}
		owned := lines(names)
		if rest := len(a.Spec.Workloads) - len(names); rest > 0 {
			owned[len(owned)-1] += fmt.Sprintf(" and %s more", Count(int64(rest)))
		}
		fmt.Fprintf(t, "  %s\t%s\t%d\t%d\t%s\n", a.Spec.Worker, a.Status.Phase(), a.Spec.Version, a.Status.Version, cmp.Or(owned[0], "-"))
		for _, rest := range owned[1:] {
			fmt.Fprintf(t, "  \t\t\t\t%s\n", rest)
		}
	}
	t.Flush() // into a strings.Builder, which takes everything
	if len(shown) < len(parts) {
		fmt.Fprintf(b, "  ... and more: %s\n", more)
	}
}

// lines are names in lines of about ownedWide characters; at least one.
func lines(names []string) (out []string) {
	line := ""
	for i, name := range names {
		if i+1 < len(names) {
			name += ","
		}
		switch {
		case line == "":
			line = name
		case len(line)+1+len(name) > ownedWide:
			out = append(out, line)
			line = name
		default:
			line += " " + name
		}
	}
	return append(out, line)
}

// failures writes which workers could not apply their part, and why.
func failures(b *strings.Builder, parts []v1alpha1.Assignment, more string) {
	n := 0
	for i := range parts {
		a := &parts[i]
		if a.Status.Phase() != v1alpha1.AssignmentFailing {
			continue
		}
		switch n++; {
		case n == 1:
			b.WriteString("Failing:\n")
		case n > mostFails:
			fmt.Fprintf(b, "  ... and more: %s\n", more)
			return
		}
		fmt.Fprintf(b, "  %s: version %d could not be applied, which is tried again: %s\n", a.Spec.Worker, a.Spec.Version, strings.TrimSpace(a.Status.Trouble))
	}
}

// moves writes what is on its way: workloads that a worker is to let go of before another can have them.
func moves(b *strings.Builder, parts []v1alpha1.Assignment, more string) {
	n := 0
	for i := range parts {
		a := &parts[i]
		part := plan.Part(a)
		for _, r := range part.Pending() {
			switch n++; {
			case n == 1:
				b.WriteString("On their way:\n")
			case n == mostMoves+1:
				fmt.Fprintf(b, "  ... and more: %s\n", more)
			}
			if n <= mostMoves {
				fmt.Fprintf(b, "  %s: worker %s is to let go of it by version %d, and runs %d\n", r.Workload, a.Spec.Worker, r.Version, part.Acknowledged)
			}
		}
	}
}

// waits writes what has no owner, and why.
func waits(b *strings.Builder, s *v1alpha1.SwarmStatus) {
	if len(s.Waits) == 0 {
		return
	}
	b.WriteString("Waiting:\n")
	var names []string
	for i, w := range s.Waits {
		names = append(names, w.Name)
		if i+1 == len(s.Waits) || s.Waits[i+1].Reason != w.Reason || len(names) == waitingTogether {
			fmt.Fprintf(b, "  %s: %s\n", strings.Join(names, ", "), w.Reason)
			names = nil
		}
	}
	if rest := s.Waiting - int64(len(s.Waits)); rest > 0 {
		fmt.Fprintf(b, "  ... and %s more\n", Count(rest))
	}
}
