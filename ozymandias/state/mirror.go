package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/schedule"
)

// A Mirror is a copy of the records that follows them. It may lag behind, by as long as etcd's news take, or as etcd is out of reach.
type Mirror struct {
	store *Store

	mu       sync.Mutex
	revision int64         // of etcd, up to which all is in here
	changed  chan struct{} // closed at the next change

	records
}

// records are all of them at one revision.
type records struct {
	head    head
	headAt  int64
	jobs    map[string]schedule.Job
	specs   map[string]map[int64]job.Job
	nodes   map[string]Machine
	lives   map[string]Life
	livesAt map[string]int64
	plans   map[string]schedule.Plan
	reports map[string]Report
	// odd are the keys of those that could not be read. As long as there are any nothing is decided: what they say may be that
	// something runs.
	odd map[string]error
}

func newRecords() records {
	return records{jobs: map[string]schedule.Job{}, specs: map[string]map[int64]job.Job{}, nodes: map[string]Machine{}, lives: map[string]Life{},
		livesAt: map[string]int64{}, plans: map[string]schedule.Plan{}, reports: map[string]Report{}, odd: map[string]error{}}
}

// NewMirror reads all records. Run follows them from then on.
func (s *Store) NewMirror(ctx context.Context) (*Mirror, error) {
	m := &Mirror{store: s, changed: make(chan struct{})}
	return m, m.read(ctx)
}

// Run follows the records until ctx ends, and returns its error. Whatever goes wrong with etcd, it tries again.
func (m *Mirror) Run(ctx context.Context) error {
	for rest := time.Duration(0); ; rest = min(max(2*rest, 100*time.Millisecond), 2*time.Second) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rest):
		}
		began := time.Now()
		err := m.follow(ctx)
		if errors.Is(err, rpctypes.ErrCompacted) {
			err = m.read(ctx) // what happened meanwhile is gone from etcd's history
		}
		if err == nil || time.Since(began) > time.Minute {
			rest = 0
		}
	}
}

// read takes all records anew.
func (m *Mirror) read(ctx context.Context) error {
	answer, err := m.store.client.Get(ctx, m.store.prefix, clientv3.WithPrefix())
	if err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	all := newRecords()
	for _, kv := range answer.Kvs {
		all.take(m.store.prefix, kv, false)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = all
	m.revision = answer.Header.Revision
	m.tell()
	return nil
}

// follow takes in the news until the watch ends.
func (m *Mirror) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	m.mu.Lock()
	from := m.revision + 1
	m.mu.Unlock()
	for news := range m.store.client.Watch(ctx, m.store.prefix, clientv3.WithPrefix(), clientv3.WithRev(from)) {
		if err := news.Err(); err != nil {
			return err
		}
		m.mu.Lock()
		for _, event := range news.Events {
			m.take(m.store.prefix, event.Kv, event.Type == mvccpb.DELETE)
		}
		if n := len(news.Events); n > 0 {
			// Not the header's, which may be ahead of the events when the watch is catching up.
			m.revision = news.Events[n-1].Kv.ModRevision
			m.tell()
		}
		m.mu.Unlock()
	}
	return ctx.Err()
}

// tell wakes those that wait for a change. m is locked.
func (m *Mirror) tell() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// take takes in one record.
func (m *records) take(prefix string, kv *mvccpb.KeyValue, gone bool) {
	key := strings.TrimPrefix(string(kv.Key), prefix)
	kind, name, _ := strings.Cut(key, "/")
	var err error
	switch kind + "/" {
	case headKey + "/":
		m.headAt = kv.ModRevision
		m.head, err = decode[head](kv)
	case jobs:
		err = enter(m.jobs, name, kv, gone)
	case specs:
		uid, revision, ok := parseSpec(name)
		if !ok {
			return
		}
		if m.specs[uid] == nil {
			m.specs[uid] = map[int64]job.Job{}
		}
		err = enter(m.specs[uid], revision, kv, gone)
		if len(m.specs[uid]) == 0 {
			delete(m.specs, uid)
		}
	case nodes:
		err = enter(m.nodes, name, kv, gone)
	case live:
		err = enter(m.lives, name, kv, gone)
		m.livesAt[name] = kv.CreateRevision
		if gone {
			delete(m.livesAt, name)
		}
	case plans:
		err = enter(m.plans, name, kv, gone)
	case reports:
		err = enter(m.reports, name, kv, gone)
	}
	delete(m.odd, key)
	if err != nil {
		m.odd[key] = fmt.Errorf("%s in etcd was not written by this program, or by a later one: %w", kv.Key, err)
	}
}

func decode[T any](kv *mvccpb.KeyValue) (value T, err error) {
	err = json.Unmarshal(kv.Value, &value)
	return value, err
}

// enter puts a record in a map of them, or takes it away.
func enter[K comparable, T any](records map[K]T, name K, kv *mvccpb.KeyValue, gone bool) error {
	if gone {
		delete(records, name)
		return nil
	}
	value, err := decode[T](kv)
	if err == nil {
		records[name] = value
	}
	return err
}

// Version is how many decisions were taken, as far as is known in here; and what is closed when anything has changed.
func (m *Mirror) Version() (int64, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.head.Version, m.changed
}

// State returns the state as it is in here, with what a decision from it rests on; and what is closed when it has changed. The caller
// must not change what it is given.
func (m *Mirror) State() (schedule.State, Basis, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	state := schedule.State{Version: m.head.Version}
	for _, uid := range slices.Sorted(maps.Keys(m.jobs)) {
		record := m.jobs[uid]
		record.Specs = maps.Clone(m.specs[record.UID])
		state.Jobs = append(state.Jobs, record)
	}
	for _, name := range slices.Sorted(maps.Keys(m.nodes)) {
		state.Nodes = append(state.Nodes, m.node(name))
	}
	return state, Basis{head: m.head, headAt: m.headAt, lives: maps.Clone(m.livesAt), odd: m.oddity()}, m.changed
}

func (m *Mirror) node(name string) schedule.Node {
	machine := m.nodes[name]
	node := schedule.Node{Name: name, Labels: machine.Labels, Capacity: machine.Capacity, Draining: machine.Draining,
		Incarnation: m.lives[name].Incarnation, Plan: m.plans[name]}
	// A report of an earlier incarnation may be left for a moment, as leases end one by one.
	if report := m.reports[name]; node.Alive() && report.Incarnation == node.Incarnation {
		node.Load, node.Volumes, node.Report = report.Load, report.Volumes, report.report()
	}
	return node
}

// oddity is what is wrong with the records, nil if nothing is.
func (m *Mirror) oddity() error {
	var all []error
	for _, key := range slices.Sorted(maps.Keys(m.odd)) {
		all = append(all, m.odd[key])
	}
	return errors.Join(all...)
}
