package member

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm"
	"teamtask.dev/swarm/handover"
)

// pool is an engine as the contract has it, with its leases and its record in memory. It also sees what every worker really runs, and
// notes what must not be.
type pool struct {
	lease     time.Duration
	workloads []swarm.Workload

	mu      sync.Mutex
	born    int
	seats   map[string]*seat // of the workers that are there
	record  handover.Record
	links   map[string]link // to the workers; the zero value works
	changed chan struct{}   // closed, and made anew, when something has
	runs    map[string]map[string]int64
	granted map[string][]v1alpha1.AssignmentSpec // every part that an incarnation was given
	overdue string                               // the incarnation whose lease is not renewed
	wrong   []string
}

// seat is a worker that is there.
type seat struct {
	incarnation string
	until       time.Time
	draining    bool
	trouble     string // as it says
}

// link is what becomes of a worker's calls.
type link int

const (
	up   link = iota
	cut       // they fail
	deaf      // they arrive, and the answer is lost
	hung      // nobody answers
	links
)

var errCut = errors.New("the wire is cut")

func newPool(lease time.Duration, workloads ...string) *pool {
	p := &pool{lease: lease, seats: map[string]*seat{}, links: map[string]link{}, changed: make(chan struct{}), runs: map[string]map[string]int64{},
		granted: map[string][]v1alpha1.AssignmentSpec{}}
	for _, name := range workloads {
		p.workloads = append(p.workloads, swarm.Workload{Name: name})
	}
	return p
}

// serve takes away what is not renewed, until ctx ends.
func (p *pool) serve(ctx context.Context) {
	look := time.NewTicker(p.lease / 100)
	defer look.Stop()
	for ctx.Err() == nil {
		p.do(func() {
			for name, s := range p.seats {
				if time.Now().After(s.until) {
					p.leave(name)
				}
			}
		})
		select {
		case <-look.C:
		case <-ctx.Done():
		}
	}
}

// do changes something, and decides what follows from it.
func (p *pool) do(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	members := map[string]string{}
	var workers []swarm.Worker
	for name, s := range p.seats {
		members[name] = s.incarnation
		if !s.draining {
			workers = append(workers, swarm.Worker{Name: name})
		}
	}
	before := p.record.Revision
	for step := (handover.Step{Changed: true}); step.Changed; p.record = step.Record {
		var previous swarm.Table
		for _, part := range p.record.Parts {
			had := swarm.Part{Worker: part.Worker}
			for _, g := range part.Grants {
				had.Workloads = append(had.Workloads, g.Workload)
			}
			previous = append(previous, had)
		}
		result, err := swarm.Assign(previous, p.workloads, workers)
		if err != nil {
			p.note("%v", err)
			return
		}
		step = handover.Next(p.record, result.Table, handover.Pool{Members: members, Gone: func(worker, incarnation string) bool { return members[worker] != incarnation }}, handover.Safe)
	}
	if p.record.Revision != before {
		for _, part := range p.record.Parts {
			p.granted[part.Incarnation] = append(p.granted[part.Incarnation], spec(part))
		}
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

func spec(part handover.Part) v1alpha1.AssignmentSpec {
	out := v1alpha1.AssignmentSpec{Worker: part.Worker, Incarnation: part.Incarnation, Version: int64(part.Version)}
	for _, g := range part.Grants {
		out.Workloads = append(out.Workloads, v1alpha1.Grant{Name: g.Workload, Epoch: int64(g.Epoch)})
	}
	return out
}

// note notes what must not be. The caller holds the lock.
func (p *pool) note(format string, args ...any) {
	p.wrong = append(p.wrong, fmt.Sprintf(format, args...))
}

// leave has a worker be gone: it must run nothing by now.
func (p *pool) leave(name string) {
	inc := p.seats[name].incarnation
	if len(p.runs[inc]) > 0 {
		p.note("%s is gone and runs %v", inc, p.runs[inc])
	}
	delete(p.seats, name)
}

// through is a call of a worker: what it does if it arrives.
func (p *pool) through(ctx context.Context, worker string, call func() error) error {
	for {
		p.mu.Lock()
		link, changed := p.links[worker], p.changed
		p.mu.Unlock()
		switch link {
		case up:
			return call()
		case deaf:
			call()
			return errCut
		case cut:
			return errCut
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Join is the door.
func (p *pool) Join(ctx context.Context, w Worker) (Session, error) {
	var s *membership
	err := p.through(ctx, w.Name, func() (err error) {
		p.do(func() {
			if p.seats[w.Name] != nil {
				err = errors.New("another is there")
				return
			}
			p.born++
			s = &membership{p, w.Name, fmt.Sprintf("%s#%d", w.Name, p.born)}
			p.seats[w.Name] = &seat{incarnation: s.incarnation, until: time.Now().Add(p.lease)}
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// membership is a session.
type membership struct {
	p                   *pool
	worker, incarnation string
}

func (s *membership) Incarnation() string  { return s.incarnation }
func (s *membership) Lease() time.Duration { return s.p.lease }

func (s *membership) lost() bool {
	seat := s.p.seats[s.worker]
	return seat == nil || seat.incarnation != s.incarnation
}

func (s *membership) Next(ctx context.Context, after int64) (out v1alpha1.AssignmentSpec, err error) {
	for {
		s.p.mu.Lock()
		changed := s.p.changed
		s.p.mu.Unlock()
		found := false
		err := s.p.through(ctx, s.worker, func() error {
			s.p.mu.Lock()
			defer s.p.mu.Unlock()
			if s.lost() {
				return ErrLost
			}
			if part := s.p.record.Part(s.worker); part != nil && part.Incarnation == s.incarnation && int64(part.Version) != after {
				out, found = spec(*part), true
			}
			return nil
		})
		if err != nil || found {
			return out, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return out, ctx.Err()
		}
	}
}

func (s *membership) Renew(ctx context.Context, r Report) error {
	return s.p.through(ctx, s.worker, func() (err error) {
		s.p.do(func() {
			if s.lost() {
				err = ErrLost
				return
			}
			if s.p.overdue == s.incarnation {
				err = ErrOverdue
				return
			}
			seat := s.p.seats[s.worker]
			seat.until, seat.draining, seat.trouble = time.Now().Add(s.p.lease), seat.draining || r.Draining, r.Trouble
			if r.Version == 0 {
				return
			}
			s.p.checkAcknowledged(s.incarnation, r.Version)
			if _, e := s.p.record.Acknowledge(s.worker, s.incarnation, uint64(r.Version)); e != nil {
				s.p.note("%v", e)
			}
		})
		return err
	})
}

// checkAcknowledged checks that a worker which acknowledges a version runs nothing but what that version or a later one has.
func (p *pool) checkAcknowledged(incarnation string, version int64) {
	for workload, epoch := range p.runs[incarnation] {
		if !slices.ContainsFunc(p.granted[incarnation], func(part v1alpha1.AssignmentSpec) bool {
			return part.Version >= version && slices.Contains(part.Workloads, v1alpha1.Grant{Name: workload, Epoch: epoch})
		}) {
			p.note("%s acknowledges version %d, and runs %s of epoch %d", incarnation, version, workload, epoch)
		}
	}
}

func (s *membership) Leave(ctx context.Context) error {
	return s.p.through(ctx, s.worker, func() error {
		s.p.do(func() {
			if !s.lost() {
				s.p.leave(s.worker)
			}
		})
		return nil
	})
}

// started and ended are how the pool sees what is run.
func (p *pool) started(incarnation string, g v1alpha1.Grant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for other, runs := range p.runs {
		if _, ok := runs[g.Name]; ok && other != incarnation {
			p.note("%s runs %s, and so does %s", incarnation, g.Name, other)
		}
	}
	there := slices.ContainsFunc(slices.Collect(maps.Values(p.seats)), func(s *seat) bool { return s.incarnation == incarnation })
	if !there {
		p.note("%s starts %s, and is gone", incarnation, g.Name)
	}
	if p.runs[incarnation] == nil {
		p.runs[incarnation] = map[string]int64{}
	}
	p.runs[incarnation][g.Name] = g.Epoch
}

func (p *pool) ended(incarnation, workload string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.runs[incarnation], workload)
}
