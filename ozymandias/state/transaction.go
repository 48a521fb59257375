package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/schedule"
)

// A transaction is one in the making.
type transaction struct {
	ifs   []clientv3.Cmp
	thens []clientv3.Op
	err   error
}

// ifWritten has it taken only if a record was last written at that revision; 0: if there is none.
func (t *transaction) ifWritten(key string, revision int64) {
	t.ifs = append(t.ifs, clientv3.Compare(clientv3.ModRevision(Prefix+key), "=", revision))
}

func (t *transaction) put(key string, value any, options ...clientv3.OpOption) {
	b, err := json.Marshal(value)
	if err != nil {
		t.err = errors.Join(t.err, fmt.Errorf("encode %s: %w", key, err))
		return
	}
	t.thens = append(t.thens, clientv3.OpPut(Prefix+key, string(b), options...))
}

func (t *transaction) drop(key string) {
	t.thens = append(t.thens, clientv3.OpDelete(Prefix+key))
}

// decide makes it the decision of that name, next after the head as it was read.
func (t *transaction) decide(before head, at int64, name string) (next head) {
	next = head{Format: format, Version: before.Version + 1,
		Commits: append([]string{name}, before.Commits[:min(len(before.Commits), remembered-1)]...)}
	t.ifWritten(headKey, at)
	t.put(headKey, next)
	return next
}

// change writes what a decision changes.
func (t *transaction) change(version int64, basis Basis, change Change) {
	for _, uid := range slices.Sorted(maps.Keys(change.Jobs)) {
		if record := change.Jobs[uid]; record != nil {
			t.put(jobs+uid, record)
		} else {
			t.drop(jobs + uid)
		}
	}
	for revision, spec := range change.Specs {
		if key := specKey(revision.UID, revision.Number); spec != nil {
			t.put(key, spec)
		} else {
			t.drop(key)
		}
	}
	for _, node := range slices.Sorted(maps.Keys(change.Plans)) {
		plan := change.Plans[node]
		if err := check(plan, version); err != nil {
			t.err = errors.Join(t.err, fmt.Errorf("write the plan of node %s: %w", node, err))
		}
		plan.Version = version
		t.put(plans+node, plan)
		if len(plan.Instances) > 0 {
			t.ifWritten(live+node, basis.lives[node])
		}
	}
	for _, node := range slices.Sorted(maps.Keys(change.Drains)) {
		machine, known := basis.machines[node]
		if !known {
			t.err = errors.Join(t.err, fmt.Errorf("%w: %s", ErrNoNode, node))
		}
		machine.Draining = change.Drains[node]
		t.ifWritten(nodes+node, basis.machinesAt[node])
		t.put(nodes+node, machine)
	}
	t.tell(version, change.Events)
}

// check finds fault with a plan that was not decided from what it is written upon: what it says of epochs and versions would be wrong.
func check(plan schedule.Plan, version int64) error {
	latest := plan.Version
	for _, p := range plan.Instances {
		latest = max(latest, p.Epoch)
		for _, place := range p.After {
			latest = max(latest, place.Version)
		}
	}
	for _, l := range plan.Leaving {
		latest = max(latest, l.Version)
	}
	if latest > version || plan.Version != 0 && plan.Version < version {
		return fmt.Errorf("it was decided for version %d, and would be written at %d", latest, version)
	}
	return nil
}

// tell keeps the events of a decision, and forgets those of one long ago.
func (t *transaction) tell(version int64, all []schedule.Event) {
	if len(all) == 0 {
		return
	}
	if more := len(all) - keptEvents; more > 0 {
		all = append(all[:keptEvents:keptEvents], schedule.Event{Text: fmt.Sprintf("and %d more events", more)})
	}
	t.put(eventKey(version), events{At: time.Now().UTC(), Events: all})
	t.thens = append(t.thens, clientv3.OpDelete(Prefix+told, clientv3.WithRange(Prefix+eventKey(max(0, version-keptDecisions)))))
}
