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
	"teamtask.dev/uptime"
)

// A Mirror is a copy of the records that follows them. It may lag behind, by as long as etcd's news take, or as etcd is out of reach.
type Mirror struct {
	store *Store

	mu       sync.Mutex
	revision int64         // of etcd, up to which all is in here
	changed  chan struct{} // closed at the next change
	gone     map[string]bool
	last     time.Duration // when etcd was last heard of, by package uptime

	records
}

// records are all of them at one revision.
type records struct {
	head    head
	headAt  int64
	jobs    map[string]schedule.Job
	specs   map[string]map[int64]job.Job
	nodes   map[string]Machine
	nodesAt map[string]int64
	lives   map[string]Life
	livesAt map[string]int64
	plans   map[string]schedule.Plan
	reports map[string]Report
	heard   map[string]schedule.Report // the same, as decisions take them: the state is asked for more often than nodes report
	told    map[string]events          // by what stands for the version in the key
	// odd are the keys of those that could not be read. As long as there are any nothing is decided: what they say may be that
	// something runs.
	odd map[string]error
}

func newRecords() records {
	return records{jobs: map[string]schedule.Job{}, specs: map[string]map[int64]job.Job{}, nodes: map[string]Machine{}, nodesAt: map[string]int64{},
		lives: map[string]Life{}, livesAt: map[string]int64{}, plans: map[string]schedule.Plan{}, reports: map[string]Report{}, heard: map[string]schedule.Report{},
		told: map[string]events{}, odd: map[string]error{}}
}

// NewMirror reads all records. Run follows them from then on.
func (s *Store) NewMirror(ctx context.Context) (*Mirror, error) {
	m := &Mirror{store: s, changed: make(chan struct{}), gone: map[string]bool{}}
	return m, m.read(ctx)
}

// silence is after how long without news the mirror asks etcd whether there are none, and how long it waits for the answer.
var silence = 3 * time.Second

// readWithin is how long etcd may take to give all records.
const readWithin = 10 * time.Second

// Run follows the records until ctx ends, or the client is closed, and returns why. Whatever else goes wrong with etcd, it tries again.
func (m *Mirror) Run(ctx context.Context) error {
	for rest := time.Duration(0); ; rest = min(max(2*rest, 100*time.Millisecond), 2*time.Second) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-m.store.client.Ctx().Done():
			return fmt.Errorf("follow the state: the client of etcd is closed: %w", m.store.client.Ctx().Err())
		case <-time.After(rest):
		}
		heard, err := m.follow(ctx)
		if errors.Is(err, rpctypes.ErrCompacted) || errors.Is(err, errSilent) {
			// What happened meanwhile is gone from etcd's history, or does not come this way.
			attempt, cancel := context.WithTimeout(ctx, readWithin)
			heard = m.read(attempt) == nil
			cancel()
		}
		if heard {
			rest = 0
		}
	}
}

// read takes all records anew.
func (m *Mirror) read(ctx context.Context) error {
	answer, err := m.store.client.Get(ctx, Prefix, clientv3.WithPrefix())
	if err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	all := newRecords()
	for _, kv := range answer.Kvs {
		all.take(kv, false)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = all
	m.revision = answer.Header.Revision
	m.last = uptime.Now()
	m.tell()
	return nil
}

// errSilent says that the watch neither brings news nor says that there are none: the connection may be dead, and nobody has said so.
var errSilent = errors.New("the watch is silent")

// follow takes in the news until the watch ends, and tells whether anything was heard.
func (m *Mirror) follow(ctx context.Context) (heard bool, err error) {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	m.mu.Lock()
	from := m.revision // once more, as etcd answers no questions about a watch that begins after all there is
	m.mu.Unlock()
	late := time.AfterFunc(2*silence, cancel) // the call waits for etcd to say that it watches
	watch := m.store.client.Watch(ctx, Prefix, clientv3.WithPrefix(), clientv3.WithRev(from), clientv3.WithProgressNotify(), clientv3.WithCreatedNotify())
	if !late.Stop() {
		return false, errSilent
	}
	// Ticks are counted rather than time, as none come while the machine stands still, nor does what etcd has to say.
	const ticks = 4 // in a silence
	check := time.NewTicker(silence / ticks)
	defer check.Stop()
	for quiet := 0; ; {
		select {
		case news, open := <-watch:
			if !open {
				return heard, errors.New("the watch has ended")
			}
			if err := news.Err(); err != nil {
				return heard, err
			}
			m.hear(news)
			heard, quiet = true, 0
		case <-check.C:
			switch quiet++; quiet {
			case ticks:
				// In a goroutine of its own, as it may wait as long as the connection is dead. It ends with ctx.
				go func() { _ = m.store.client.RequestProgress(ctx) }()
			case 2 * ticks:
				return heard, errSilent
			}
		}
	}
}

// hear takes in what a watch says.
func (m *Mirror) hear(news clientv3.WatchResponse) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = uptime.Now()
	for _, event := range news.Events {
		deleted := event.Type == mvccpb.DELETE
		m.take(event.Kv, deleted)
		if uid, job := strings.CutPrefix(string(event.Kv.Key), Prefix+jobs); job && deleted {
			m.gone[uid] = true
		}
	}
	if n := len(news.Events); n > 0 {
		// Not the header's, which may be ahead of the events when the watch is catching up.
		m.revision = news.Events[n-1].Kv.ModRevision
		m.tell()
	}
}

// Gone tells whether a job was seen to be deleted. One that is only not there any more may be missing: when etcd is restored from a backup
// that is older than the job, nobody has deleted it.
func (m *Mirror) Gone(uid string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gone[uid]
}

// Silent is for how long nothing was heard of etcd, not even that there is no news. It is seldom more than 6 s if all is well.
func (m *Mirror) Silent() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return uptime.Now() - m.last
}

// tell wakes those that wait for a change. m is locked.
func (m *Mirror) tell() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// take takes in one record.
func (m *records) take(kv *mvccpb.KeyValue, gone bool) {
	key := strings.TrimPrefix(string(kv.Key), Prefix)
	kind, name, _ := strings.Cut(key, "/")
	var err error
	switch kind + "/" {
	case headKey + "/":
		m.head, m.headAt, err = readHead(kv)
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
		note(m.nodesAt, name, kv, gone)
	case live:
		err = enter(m.lives, name, kv, gone)
		note(m.livesAt, name, kv, gone)
	case plans:
		err = enter(m.plans, name, kv, gone)
	case reports:
		err = enter(m.reports, name, kv, gone)
		if delete(m.heard, name); !gone {
			m.heard[name] = m.reports[name].report()
		}
	case told:
		_ = enter(m.told, name, kv, gone) // nothing is decided by them
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

// note keeps the revision that wrote a record.
func note(at map[string]int64, name string, kv *mvccpb.KeyValue, gone bool) {
	if at[name] = kv.ModRevision; gone {
		delete(at, name)
	}
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
	state := schedule.State{Version: m.head.Version, Partial: len(m.odd) > 0}
	for _, uid := range slices.Sorted(maps.Keys(m.jobs)) {
		record := m.jobs[uid]
		record.Specs = maps.Clone(m.specs[record.UID])
		state.Jobs = append(state.Jobs, record)
	}
	for _, name := range slices.Sorted(maps.Keys(m.nodes)) {
		state.Nodes = append(state.Nodes, m.node(name))
	}
	return state, Basis{head: m.head, headAt: m.headAt, lives: maps.Clone(m.livesAt), odd: m.oddity(),
		machines: maps.Clone(m.nodes), machinesAt: maps.Clone(m.nodesAt)}, m.changed
}

func (m *Mirror) node(name string) schedule.Node {
	machine := m.nodes[name]
	node := schedule.Node{Name: name, Labels: machine.labels(), Capacity: machine.Capacity, Draining: machine.Draining,
		Incarnation: m.lives[name].Incarnation, Plan: m.plans[name]}
	// A report of an earlier incarnation may be left for a moment, as leases end one by one.
	if report := m.reports[name]; node.Alive() && report.Incarnation == node.Incarnation {
		node.Load, node.Volumes, node.Report = report.Load, report.Volumes, m.heard[name]
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
