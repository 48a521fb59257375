package state

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/schedule"
)

// The errors of a commit that a caller decides on.
var (
	// ErrOvertaken says that what a decision rests on has changed: read again, and decide anew.
	ErrOvertaken = errors.New("another decision was taken, or a node was lost, since the state was read")
	// ErrUnknown says that etcd did not answer, and cannot be asked whether it took the decision.
	ErrUnknown = errors.New("it is not known whether the decision was taken")
	// ErrTooLarge says that etcd takes no transaction of that size. A part of the decision may do.
	ErrTooLarge = errors.New("the decision is too large for one transaction of etcd")
)

// A Store is the records in etcd.
type Store struct {
	client *clientv3.Client
}

// New returns the records below [Prefix].
func New(client *clientv3.Client) *Store {
	return &Store{client: client}
}

// Ping asks etcd for something small: the error says why it does not answer.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.client.Get(ctx, Prefix+headKey)
	return err
}

// A Basis is what a decision rests on.
type Basis struct {
	head   head
	headAt int64            // the revision that wrote the head; 0: there is none yet
	lives  map[string]int64 // by node: the revision that wrote its entry among the living
	odd    error            // why nothing can be decided

	machines   map[string]Machine
	machinesAt map[string]int64 // the revisions that wrote them
}

// Err says why nothing can be decided, nor be removed: there are records that cannot be read. It is nil as a rule.
func (b Basis) Err() error { return b.odd }

// A Change is what a decision writes.
type Change struct {
	// Jobs by UID; nil takes one away. [Change.PutJob] and [Change.DropJob] see to its specs.
	Jobs map[string]*schedule.Job
	// Specs by revision; nil takes one away.
	Specs map[Revision]*job.Job
	// Plans by node.
	Plans map[string]schedule.Plan
	// Drains are nodes of which it changes whether they drain.
	Drains map[string]bool
	// Events say in words what changes.
	Events []schedule.Event
}

// A Revision is one of a job's.
type Revision struct {
	UID    string
	Number int64
}

// empty says that there is nothing to write.
func (c Change) empty() bool { return len(c.Jobs)+len(c.Specs)+len(c.Plans)+len(c.Drains) == 0 }

// PutJob has a job be as it is now, where it was as before: the zero value if it is new.
func (c *Change) PutJob(before, now schedule.Job) {
	if c.Jobs == nil {
		c.Jobs, c.Specs = map[string]*schedule.Job{}, map[Revision]*job.Job{}
	}
	c.Jobs[now.UID] = &now
	for number, spec := range now.Specs {
		if _, there := before.Specs[number]; !there {
			c.Specs[Revision{now.UID, number}] = &spec
		}
	}
	for number := range before.Specs {
		if _, there := now.Specs[number]; !there {
			c.Specs[Revision{now.UID, number}] = nil
		}
	}
}

// DropJob takes a job away, and all that is known of its revisions.
func (c *Change) DropJob(before schedule.Job) {
	now := before
	now.Specs = nil
	c.PutJob(before, now)
	c.Jobs[before.UID] = nil
}

// Commit writes a change if what it rests on is as it was read: no decision was taken since, and every node whose plan is written and
// has something in it lives as it did, or was as dead. It returns the version of the decision, which is that of its plans; if there is
// nothing to write, the one before.
//
// The error is ErrOvertaken, ErrUnknown, ErrTooLarge, or says why etcd cannot take it. After ctx has ended it still asks, for a short
// while, whether a decision that was sent was taken.
func (s *Store) Commit(ctx context.Context, basis Basis, change Change) (version int64, err error) {
	if change.empty() {
		return basis.head.Version, nil
	}
	if basis.odd != nil {
		return 0, fmt.Errorf("nothing can be decided: %w", basis.odd)
	}
	name := rand.Text()[:16]
	t := transaction{}
	next := t.decide(basis.head, basis.headAt, name)
	t.change(next.Version, basis, change)
	taken, err := s.do(ctx, t)
	switch {
	case t.err != nil:
		return 0, t.err
	case err == nil && taken:
		return next.Version, nil
	case err == nil:
		return 0, ErrOvertaken
	case errors.Is(err, rpctypes.ErrTooManyOps), errors.Is(err, rpctypes.ErrRequestTooLarge), strings.Contains(err.Error(), "message larger than max"):
		return 0, fmt.Errorf("%w: it has %d records: %w", ErrTooLarge, len(t.thens), err)
	}
	if err := s.settle(ctx, name, basis, err); err != nil {
		return 0, err
	}
	return next.Version, nil
}

func (s *Store) do(ctx context.Context, t transaction) (taken bool, err error) {
	if t.err != nil {
		return false, t.err
	}
	answer, err := s.client.Txn(ctx).If(t.ifs...).Then(t.thens...).Commit()
	if err != nil {
		return false, err
	}
	return answer.Succeeded, nil
}

// settle finds out whether a decision was taken whose answer was lost.
func (s *Store) settle(ctx context.Context, name string, basis Basis, lost error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	var now head
	answer, err := s.client.Get(ctx, Prefix+headKey)
	if err == nil && len(answer.Kvs) == 1 {
		err = json.Unmarshal(answer.Kvs[0].Value, &now)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w; and asking failed: %w", ErrUnknown, lost, err)
	case slices.Contains(now.Commits, name):
		return nil
	case basis.head.Version < now.Version && now.Version < basis.head.Version+remembered:
		return ErrOvertaken
	}
	// It may still be on its way, and be taken later: then whoever decides next from the same state makes it fail, or is made to. Or
	// there were so many decisions since that its name is forgotten.
	return fmt.Errorf("%w: %w", ErrUnknown, lost)
}
