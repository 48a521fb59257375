package plan

import (
	"slices"
	"strings"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm/handover"
)

// Head is what the status holds of the record. The parts are in the Assignments.
func Head(s *v1alpha1.SwarmStatus) handover.Record {
	return handover.Record{Revision: uint64(max(0, s.Version)), Base: uint64(max(0, s.EpochBase)), Writing: s.Writing}
}

// Part is what an Assignment says. What was acknowledged counts only if the incarnation that the part is for said so.
func Part(a *v1alpha1.Assignment) handover.Part {
	p := handover.Part{Worker: a.Spec.Worker, Incarnation: a.Spec.Incarnation, Version: uint64(max(0, a.Spec.Version))}
	if a.Status.Incarnation == a.Spec.Incarnation && p.Incarnation != "" {
		p.Acknowledged = min(p.Version, uint64(max(0, a.Status.Version)))
	}
	p.Grants = slices.Grow(p.Grants, len(a.Spec.Workloads))
	for _, g := range a.Spec.Workloads {
		p.Grants = append(p.Grants, handover.Grant{Workload: g.Name, Epoch: uint64(g.Epoch)})
	}
	for _, r := range a.Spec.Revoked {
		p.Revoked = append(p.Revoked, handover.Revocation{Grant: handover.Grant{Workload: r.Name, Epoch: uint64(r.Epoch)}, Version: uint64(r.Version)})
	}
	// They are in order unless somebody has written them by hand.
	slices.SortFunc(p.Grants, func(a, b handover.Grant) int { return strings.Compare(a.Workload, b.Workload) })
	slices.SortFunc(p.Revoked, func(a, b handover.Revocation) int { return strings.Compare(a.Workload, b.Workload) })
	return p
}

// Write makes the spec of an Assignment say what a part does, and leaves the rest of it as it is.
func Write(p *handover.Part, spec *v1alpha1.AssignmentSpec) {
	spec.Incarnation, spec.Version = p.Incarnation, int64(p.Version)
	spec.Count, spec.Workloads, spec.Revoked = int64(len(p.Grants)), nil, nil
	spec.Workloads = slices.Grow(spec.Workloads, len(p.Grants))
	for _, g := range p.Grants {
		spec.Workloads = append(spec.Workloads, v1alpha1.Grant{Name: g.Workload, Epoch: int64(g.Epoch)})
	}
	for _, r := range p.Revoked {
		spec.Revoked = append(spec.Revoked, v1alpha1.Revocation{Name: r.Workload, Epoch: int64(r.Epoch), Version: int64(r.Version)})
	}
}
