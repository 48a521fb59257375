package state

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/schedule"
)

// The errors of changes to nodes that a caller decides on.
var (
	ErrNameTaken = errors.New("a node of that name is alive")
	ErrAlive     = errors.New("the node is alive")
	ErrNoNode    = errors.New("there is no such node")
)

// Join enters a node among the living, under its lease, with what it has and what it says of itself: so there is no moment in which it lives
// and is not known to have the volumes that it has. It drains still if it did before. Join returns the new incarnation, which it sets in
// the report.
//
// last is the lease of this node's former life, of which nothing may run any more, or 0 if none is known. If the node's name lives under it
// still, the new life takes the place of that one, so that nobody sees the node lost meanwhile. Ending that lease is for the caller, after
// this.
//
// The error is ErrNameTaken if the name lives under another lease: either another machine has the name, or this one was started again
// before its last lease ended, and does not know of it any more.
func (s *Store) Join(ctx context.Context, name string, machine Machine, report Report, lease, last clientv3.LeaseID) (incarnation string, err error) {
	incarnation = rand.Text()[:12]
	report.Incarnation = incarnation
	for place := int64(0); ; {
		known, err := s.client.Get(ctx, Prefix+nodes+name)
		if err != nil {
			return "", fmt.Errorf("read what is known of node %s: %w", name, err)
		}
		t := transaction{}
		machine.Joined, machine.Draining, machine.Marks = time.Now().UTC(), false, nil
		var knownAt int64
		for _, kv := range known.Kvs {
			before, err := decode[Machine](kv)
			if err != nil {
				return "", fmt.Errorf("read what is known of node %s: %w", name, err)
			}
			machine.Joined, machine.Draining, machine.Marks, knownAt = before.Joined, before.Draining, before.Marks, kv.ModRevision
		}
		t.ifWritten(nodes+name, knownAt)
		t.ifWritten(live+name, place)
		t.put(nodes+name, machine)
		t.put(live+name, Life{Incarnation: incarnation, Since: time.Now().UTC()}, clientv3.WithLease(lease))
		t.put(reports+name, report, clientv3.WithLease(lease))
		taken, err := s.do(ctx, t)
		if err != nil {
			return "", fmt.Errorf("enter node %s among the living: %w", name, err)
		}
		if taken {
			return incarnation, nil
		}
		var life Life
		var of clientv3.LeaseID
		life, of, place, err = s.life(ctx, name)
		switch {
		case err != nil:
			return "", err
		case place == 0:
		case of == lease:
			return life.Incarnation, nil // it was entered before, and the answer was lost
		case of != last || last == 0:
			return "", fmt.Errorf("%w: %s", ErrNameTaken, name)
		}
	}
}

// Life is the node's entry among the living, and the lease that it is under; zero if there is none.
func (s *Store) Life(ctx context.Context, name string) (life Life, lease clientv3.LeaseID, err error) {
	life, lease, _, err = s.life(ctx, name)
	return life, lease, err
}

// life is Life, with the revision that wrote it.
func (s *Store) life(ctx context.Context, name string) (life Life, lease clientv3.LeaseID, at int64, err error) {
	answer, err := s.client.Get(ctx, Prefix+live+name)
	if err == nil && len(answer.Kvs) == 1 {
		lease, at = clientv3.LeaseID(answer.Kvs[0].Lease), answer.Kvs[0].ModRevision
		life, err = decode[Life](answer.Kvs[0])
	}
	if err != nil {
		return Life{}, 0, 0, fmt.Errorf("look whether node %s is alive: %w", name, err)
	}
	return life, lease, at, nil
}

// Report writes what a node says of itself, under its lease. It returns the revision of etcd that has it.
func (s *Store) Report(ctx context.Context, name string, report Report, lease clientv3.LeaseID) (at int64, err error) {
	text, err := json.Marshal(report)
	if err != nil {
		return 0, fmt.Errorf("write the report of node %s: %w", name, err)
	}
	answer, err := s.client.Put(ctx, Prefix+reports+name, string(text), clientv3.WithLease(lease))
	if err != nil {
		return 0, fmt.Errorf("write the report of node %s: %w", name, err)
	}
	return answer.Header.Revision, nil
}

// Reported is the revision that wrote what stands as a node's report; 0 if there is none.
func (s *Store) Reported(ctx context.Context, name string) (at int64, err error) {
	answer, err := s.client.Get(ctx, Prefix+reports+name, clientv3.WithKeysOnly())
	if err != nil {
		return 0, fmt.Errorf("look for the report of node %s: %w", name, err)
	}
	for _, kv := range answer.Kvs {
		at = kv.ModRevision
	}
	return at, nil
}

// Label gives a node labels, and takes away those that are nil. What is said here wins over what the node joins with, and stays. It reports
// false if there is no such node.
func (s *Store) Label(ctx context.Context, name string, labels map[string]*string) (bool, error) {
	for {
		answer, err := s.client.Get(ctx, Prefix+nodes+name)
		if err != nil {
			return false, fmt.Errorf("read what is known of node %s: %w", name, err)
		}
		if len(answer.Kvs) == 0 {
			return false, nil
		}
		machine, err := decode[Machine](answer.Kvs[0])
		if err != nil {
			return false, fmt.Errorf("read what is known of node %s: %w", name, err)
		}
		if machine.Marks == nil {
			machine.Marks = map[string]*string{}
		}
		maps.Copy(machine.Marks, labels)
		t := transaction{}
		t.ifWritten(nodes+name, answer.Kvs[0].ModRevision)
		t.put(nodes+name, machine)
		taken, err := s.do(ctx, t)
		if err != nil {
			return false, fmt.Errorf("write what is known of node %s: %w", name, err)
		}
		if taken {
			return true, nil
		}
	}
}

// Plan reads what a node is to run, from etcd itself.
func (s *Store) Plan(ctx context.Context, name string) (plan schedule.Plan, err error) {
	answer, err := s.client.Get(ctx, Prefix+plans+name)
	if err != nil {
		return plan, fmt.Errorf("read the plan of node %s: %w", name, err)
	}
	for _, kv := range answer.Kvs {
		if err := json.Unmarshal(kv.Value, &plan); err != nil {
			return plan, fmt.Errorf("read the plan of node %s: %w", name, err)
		}
	}
	return plan, nil
}
