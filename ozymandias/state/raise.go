package state

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/schedule"
)

// ErrNoJob says that there is no job of that UID.
var ErrNoJob = errors.New("there is no such job")

// Forget has a node be unknown, with its plan and what was said of it; its volumes are given up. If it joins again it is a new one. The error
// is ErrAlive or ErrNoNode if it cannot be.
func (s *Store) Forget(ctx context.Context, name string) error {
	err := s.raise(ctx, []string{nodes + name, live + name}, func(found []*mvccpb.KeyValue, t *transaction) error {
		switch {
		case found[1] != nil:
			return ErrAlive
		case found[0] == nil:
			return ErrNoNode
		}
		t.ifWritten(live+name, 0)
		t.drop(nodes + name)
		t.drop(plans + name)
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget node %s: %w", name, err)
	}
	return nil
}

// Work is what is known of the worklist of a job.
type Work struct {
	// Instances is how many it has work for; nil if that is not known at present: then what was recorded last stands.
	Instances *int
	// Finished says that it is.
	Finished bool
	// Trouble is [schedule.Job]'s.
	Trouble string
}

// Work records what is known of the worklist of a job. The error is ErrNoJob if the job is gone.
func (s *Store) Work(ctx context.Context, uid string, w Work) error {
	err := s.raise(ctx, []string{jobs + uid}, func(found []*mvccpb.KeyValue, t *transaction) error {
		if found[0] == nil {
			return ErrNoJob
		}
		record, err := decode[schedule.Job](found[0])
		if err != nil {
			return err
		}
		before := Work{record.Work, record.Finished, record.Trouble}
		if w.Instances == nil {
			w.Instances, w.Finished = before.Instances, before.Finished
		}
		if reflect.DeepEqual(w, before) {
			return errNothing
		}
		record.Work, record.Finished, record.Trouble = w.Instances, w.Finished, w.Trouble
		t.put(jobs+uid, record)
		return nil
	})
	if err != nil {
		return fmt.Errorf("record the work of job %s: %w", uid, err)
	}
	return nil
}

// errNothing says that there is nothing to be written.
var errNothing = errors.New("nothing changes")

// raise takes a decision that rests on some records alone, which make is given in the order of their keys, nil for those that are not there. It
// reads them and tries again as often as another decision is taken meanwhile.
func (s *Store) raise(ctx context.Context, keys []string, make func(found []*mvccpb.KeyValue, t *transaction) error) error {
	gets := []clientv3.Op{clientv3.OpGet(Prefix + headKey)}
	for _, key := range keys {
		gets = append(gets, clientv3.OpGet(Prefix+key))
	}
	for {
		answer, err := s.client.Txn(ctx).Then(gets...).Commit()
		if err != nil {
			return err
		}
		var found []*mvccpb.KeyValue
		for _, of := range answer.Responses {
			found = append(found, append(of.GetResponseRange().Kvs, nil)[0])
		}
		before, at, err := readHead(found[0])
		if err != nil {
			return err
		}
		t := transaction{}
		t.decide(before, at, rand.Text()[:16])
		if err := make(found[1:], &t); errors.Is(err, errNothing) {
			return nil
		} else if err != nil {
			return err
		}
		if taken, err := s.do(ctx, t); taken || err != nil {
			return err
		}
	}
}
