package api

import (
	"fmt"
	"strings"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/schedule"
)

// refused is the problem of instances that have no room, nil if there are none.
func refused(waits []schedule.Wait) error {
	if len(waits) == 0 {
		return nil
	}
	kind := v1.PlacementNotFound
	var refusals []v1.Refusal
	alike := map[string]int{} // which refusal has the same words but for the instance's name
	for _, w := range waits {
		if w.Verdict == placement.ProvedInfeasible {
			kind = v1.PlacementInfeasible // one that cannot be placed is enough
		}
		words := w.Instance.Job + strings.ReplaceAll(w.Why, w.Name, "")
		if at, ok := alike[words]; ok {
			refusals[at].Instances = append(refusals[at].Instances, w.Name)
			continue
		}
		alike[words] = len(refusals)
		refusals = append(refusals, refusal(w))
	}
	var details []string
	for _, r := range refusals {
		detail := r.Detail
		if more := len(r.Instances) - 1; more > 0 {
			detail += fmt.Sprintf("; %d more of the job are refused alike", more)
		}
		details = append(details, detail)
	}
	p := kind.New("%s", strings.Join(details, "\n"))
	p.Refusals = refusals
	return p
}

// refusal is why an instance waits, in figures where there are any.
func refusal(w schedule.Wait) v1.Refusal {
	out := v1.Refusal{Instances: []string{w.Name}, Verdict: string(w.Verdict), Detail: w.Why}
	r := w.Refusal
	if r == nil {
		return out
	}
	out.Requested, out.FreeInSum, out.Dimension = resources(r.Asked), resources(r.Free), string(r.Binding)
	if r.Largest.Node != "" {
		out.LargestGap = &v1.Gap{Node: r.Largest.Node, Free: resources(r.Largest.Free)}
	}
	for _, o := range r.Nodes {
		out.Nodes = append(out.Nodes, v1.Shortage{Node: o.Node, Reason: string(o.Reason), Short: resources(o.Short), Detail: o.String()})
	}
	out.Remedies = r.Advice()
	return out
}

// forecast is where a change leads.
func forecast(f schedule.Forecast) v1.Forecast {
	out := v1.Forecast{Verdict: string(f.Verdict)}
	for _, p := range f.Placed {
		out.Placed = append(out.Placed, v1.Place{Instance: p.Name.String(), Node: p.Node})
	}
	for _, m := range f.Moves {
		out.Moves = append(out.Moves, v1.Move{Instance: m.Name.String(), From: m.From, To: m.To, Why: m.Why})
	}
	for _, w := range f.Waits {
		out.Waits = append(out.Waits, wait(w))
	}
	return out
}
