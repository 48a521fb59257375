package swarms

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/store"
)

// memory is a record in memory, which takes its time for each piece and can stop after any. It takes the place of the store where the
// test's clock is a fake one, which a store would not go by.
type memory struct {
	takes time.Duration

	mu     sync.Mutex
	head   []byte
	parts  map[string][]byte
	writes int // of pieces
	crash  int // writing that many pieces is all that there is time for; 0: there is time for all
	taken  int // how often it was loaded: who loaded it before can write no more
}

var errCrash = errors.New("the server is killed")

// tenure is a record's owner.
type tenure struct {
	*memory
	number int
}

func (m *memory) own() *tenure {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.taken++
	return &tenure{m, m.taken}
}

// lives has the record be written again, however often, and returns how often it was.
func (m *memory) lives() (writes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.crash = 0
	return m.writes
}

func (m *tenure) Load(context.Context) (head []byte, parts []store.Piece, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(m.parts)) {
		parts = append(parts, store.Piece{Worker: name, Value: m.parts[name]})
	}
	return m.head, parts, nil
}

func (m *tenure) Release(context.Context) error { return nil }

func (m *tenure) Write(_ context.Context, pieces []store.Piece) error {
	for _, p := range pieces {
		time.Sleep(m.takes)
		if err := m.write(p); err != nil {
			return err
		}
	}
	return nil
}

func (m *tenure) write(p store.Piece) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.taken != m.number {
		return store.ErrLost
	}
	if m.crash > 0 && m.writes >= m.crash {
		return errCrash
	}
	m.writes++
	switch {
	case p.Worker == "":
		m.head = p.Value
	case p.Value == nil:
		delete(m.parts, p.Worker)
	default:
		m.parts[p.Worker] = p.Value
	}
	return nil
}

// world is a swarm with its engine, in a bubble with a clock of its own.
type world struct {
	t      *testing.T
	record *memory
	swarm  *v1alpha1.Swarm
	*Engine

	removed, taken atomic.Bool // taken: another server may own it already
}

func duration(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }

// names are n workloads.
func names(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("cctv-%02d", i))
	}
	return out
}

// streams is a swarm whose leases last 10 s and whose patience is 20 s.
func streams(workloads []string) *v1alpha1.Swarm {
	return &v1alpha1.Swarm{ObjectMeta: metav1.ObjectMeta{Name: "streams", UID: "uid"}, Spec: v1alpha1.SwarmSpec{
		Workloads: v1alpha1.WorkloadSources{Names: workloads},
		Handover:  v1alpha1.HandoverPolicy{Lease: duration(10 * time.Second), Patience: duration(20 * time.Second)}}}
}

// swarmed runs a test with an engine of a swarm.
func swarmed(t *testing.T, workloads []string, f func(*testing.T, *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, record: &memory{takes: time.Millisecond, parts: map[string][]byte{}}, swarm: streams(workloads)}
		w.take()
		defer func() {
			if err := w.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		f(t, w)
	})
}

// take has a server become the owner of the swarm.
func (w *world) take() {
	w.t.Helper()
	e, err := Take(w.t.Context(), Options{Swarm: w.swarm, Record: w.record.own(), Counters: NewCounters(), Log: slog.New(slog.DiscardHandler),
		Holds: func() bool { return !w.taken.Load() }, Remove: func(context.Context) error { w.removed.Store(true); return nil }})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Engine = e
}

// change changes the swarm's spec.
func (w *world) change(f func(*v1alpha1.Swarm)) {
	w.t.Helper()
	w.swarm = w.swarm.DeepCopy()
	f(w.swarm)
	if err := w.SetSwarm(w.swarm); err != nil {
		w.t.Fatal(err)
	}
}

// joins has a worker join.
func (w *world) joins(name string) *session {
	w.t.Helper()
	resp, err := w.Join(w.t.Context(), v1alpha1.JoinRequest{Worker: name})
	if err != nil {
		w.t.Fatal(err)
	}
	return &session{w, name, resp.Incarnation, time.Now()}
}

// session is a worker that does as it is told by the test.
type session struct {
	world       *world
	name        string
	incarnation string
	renewed     time.Time
}

// told is what the worker is told, once nothing moves by itself.
func (s *session) told() (version int64, workloads []string) {
	s.world.t.Helper()
	synctest.Wait()
	time.Sleep(time.Second) // for writes under way
	synctest.Wait()
	a, ok, _, err := s.world.Follow(s.name, s.incarnation)
	if err != nil || !ok {
		s.world.t.Fatal(ok, err)
	}
	for _, g := range a.Spec.Workloads {
		workloads = append(workloads, g.Name)
	}
	return a.Spec.Version, workloads
}

// runs has the worker say that it runs what it is told.
func (s *session) runs() []string {
	s.world.t.Helper()
	version, workloads := s.told()
	if err := s.renew(version); err != nil {
		s.world.t.Fatal(err)
	}
	return workloads
}

func (s *session) renew(version int64) error {
	_, err := s.world.Renew(s.name, v1alpha1.RenewalRequest{Incarnation: s.incarnation, Version: version})
	if err == nil {
		s.renewed = time.Now()
	}
	return err
}

// phase is where the swarm stands.
func (w *world) phase() string {
	w.t.Helper()
	synctest.Wait()
	sw, _, err := w.Engine.Swarm()
	if err != nil {
		w.t.Fatal(err)
	}
	return sw.Status.Phase()
}
