package handover

import (
	"fmt"
	"slices"
	"strings"
)

// Record is how far the handovers of a swarm have come. It can be stored as one value, or, as one grows too large for
// that, in pieces: the head (Revision and Writing) and each part. Then
//
//   - a reader reads the head first, then the parts;
//   - a writer writes the head first, then the parts named in Writing, and deletes those that are gone from Parts, in any
//     order;
//   - each write is conditional on that piece being as it was read. Acknowledged may be stored beside the rest of a part, where workers
//     write it; then a write of the rest need not mind that, but a deletion does.
//
// A writer that crashes or is overtaken half-way leaves parts behind that the head announces and that are older. [Next] sees
// that and has these written once more, before it grants anything, so that a late write can no longer succeed. It is the
// only thing that protects from a second engine which believes that it is the leader; an election alone does not.
type Record struct {
	Revision uint64   // counts decisions
	Base     uint64   // what epochs count from; it never changes. A record that is made anew for the same workloads needs a greater sum of both
	Writing  []string // the workers whose parts the latest decision changes, in order; at most MaxWriting
	Parts    []Part   // in order of worker
}

// Part is what one worker is told, and what it has said. Its size is bounded by what the worker has been granted, and
// MaxRevoked.
type Part struct {
	Worker      string
	Incarnation string       // which worker of that name: the UID of a pod, the id of a lease
	Version     uint64       // the revision that changed it last
	Grants      []Grant      // what it may run, in order of workload
	Revoked     []Revocation // what it may run still unless it has acknowledged the version, in order of workload

	Acknowledged uint64 // the latest version that it has said it runs; 0 for none
}

// Grant allows a worker to run a workload.
type Grant struct {
	Workload string
	Epoch    uint64 // the record's Base and the revision that granted it, added up: higher than that of every grant of the workload before
}

// Revocation tells that a workload is granted no longer.
type Revocation struct {
	Grant
	Version uint64 // the first version without it
}

// Part is the part of a worker, or nil.
func (r *Record) Part(worker string) *Part {
	i, ok := slices.BinarySearchFunc(r.Parts, worker, func(p Part, name string) int { return strings.Compare(p.Worker, name) })
	if !ok {
		return nil
	}
	return &r.Parts[i]
}

// Pending are the revocations that are not acknowledged: the worker may run these workloads still.
func (p *Part) Pending() (out []Revocation) {
	for _, r := range p.Revoked {
		if r.Version > p.Acknowledged {
			out = append(out, r)
		}
	}
	return out
}

// Acknowledge takes in that a worker runs a version, and nothing that is not in it. It tells whether that is news: a
// version that was acknowledged before, or an older one that comes late, is not. It fails if it cannot be true, in words for
// the worker.
func (p *Part) Acknowledge(incarnation string, version uint64) (news bool, err error) {
	if incarnation != p.Incarnation {
		return false, fmt.Errorf("worker %q acknowledges version %d as incarnation %q, but its part is for incarnation %q: read the part again, "+
			"and run nothing that was granted to an earlier one", p.Worker, version, incarnation, p.Incarnation)
	}
	if version > p.Version {
		return false, fmt.Errorf("worker %q acknowledges version %d, but %d is the latest it was given: acknowledge the version of the part that it runs",
			p.Worker, version, p.Version)
	}
	if version <= p.Acknowledged {
		return false, nil
	}
	p.Acknowledged = version
	return true, nil
}

// Acknowledge is [Part.Acknowledge] for the part of the worker named; it fails if there is none. The parts must not be
// shared with another record.
func (r *Record) Acknowledge(worker, incarnation string, version uint64) (news bool, err error) {
	p := r.Part(worker)
	if p == nil {
		return false, fmt.Errorf("worker %q acknowledges version %d, but is not in the pool: join the pool, or correct the name", worker, version)
	}
	return p.Acknowledge(incarnation, version)
}
