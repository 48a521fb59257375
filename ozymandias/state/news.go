package state

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Wait waits until the decision of that version, or a later one, is in the mirror. The error is ctx's.
func (m *Mirror) Wait(ctx context.Context, version int64) error {
	return m.until(ctx, func(r *records) bool { return r.head.Version >= version })
}

// Departed waits until an incarnation of a node is not among the living. That is so when its lease has ended, and also when somebody has
// taken its entry away, or etcd was restored from a copy that is older: then its lease may be renewed, and still everybody takes the
// node for lost. It is confirmed by etcd itself, as the mirror may be behind. The error is ctx's.
func (m *Mirror) Departed(ctx context.Context, name, incarnation string) error {
	for {
		if err := m.until(ctx, func(r *records) bool { return r.lives[name].Incarnation != incarnation }); err != nil {
			return err
		}
		life, _, err := m.store.Life(ctx, name)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && life.Incarnation != incarnation:
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second): // the mirror is behind, or etcd is out of reach
		}
	}
}

// until waits for the records to be as wanted.
func (m *Mirror) until(ctx context.Context, are func(*records) bool) error {
	for {
		m.mu.Lock()
		done, changed := are(&m.records), m.changed
		m.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// Machines are what is known of the nodes, by name.
func (m *Mirror) Machines() map[string]Machine {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.nodes)
}

// Lives are the entries of nodes among the living, by name.
func (m *Mirror) Lives() map[string]Life {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.lives)
}

// Events are what the last decisions changed, the oldest first.
func (m *Mirror) Events() (all []Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(m.told)) {
		version, err := strconv.ParseInt(key, 10, 64)
		if err != nil {
			continue
		}
		for _, e := range m.told[key].Events {
			all = append(all, Event{Version: version, At: m.told[key].At, Event: e})
		}
	}
	return all
}
