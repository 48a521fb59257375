package names

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Publisher keeps the records of one node in etcd.
type Publisher struct {
	client *clientv3.Client
	log    *slog.Logger

	mu      sync.Mutex
	wanted  wanted
	changed chan struct{} // holds one when wanted is news
}

// wanted is what is to be in etcd.
type wanted struct {
	lease   clientv3.LeaseID
	records map[string]string // values by keys
}

// NewPublisher returns one that writes nothing until [Publisher.Run].
func NewPublisher(client *clientv3.Client, log *slog.Logger) *Publisher {
	return &Publisher{client: client, log: log, changed: make(chan struct{}, 1)}
}

// Publish says what is to be there from now on: the node's own healthy instances, all of them, under its lease. It does not wait until
// they are. What was published under another lease goes with that lease. Without a lease nothing is to be written.
func (p *Publisher) Publish(lease clientv3.LeaseID, records []Record) {
	w := wanted{lease, make(map[string]string, len(records))}
	for _, r := range records {
		w.records[r.key()] = r.value()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = w
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// Run writes what is published until ctx ends. While etcd does not answer it tries again and again, always what was published last.
func (p *Publisher) Run(ctx context.Context) {
	const pause = 250 * time.Millisecond
	var there written
	failing := false
	for {
		var again <-chan time.Time
		err := p.write(ctx, &there)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, rpctypes.ErrLeaseNotFound):
			// All of it has gone with the lease. What comes next is under another.
		case err != nil:
			again = time.After(pause)
		}
		if now := again != nil; now != failing {
			failing = now
			if failing {
				p.log.Warn("names are not up to date in etcd", "error", err)
			} else {
				p.log.Info("names are up to date in etcd again")
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-p.changed:
		case <-again:
		}
	}
}

// written is what is in etcd under a lease, as far as is known.
type written struct {
	lease   clientv3.LeaseID
	records map[string]string // values by keys; "" if it is not known which
}

// write makes what is in etcd what is wanted, and notes in there what that is.
func (p *Publisher) write(ctx context.Context, there *written) error {
	// An answer that does not come is not waited for long: meanwhile the news may be others.
	const patience = 5 * time.Second
	p.mu.Lock()
	want := p.wanted
	p.mu.Unlock()
	if want.lease == clientv3.NoLease {
		return nil
	}
	ctx, done := context.WithTimeout(ctx, patience)
	defer done()
	if there.lease != want.lease {
		found, err := p.find(ctx, want.lease)
		if err != nil {
			return err
		}
		*there = written{want.lease, found}
	}
	for changes := range slices.Chunk(differences(there.records, want.records), 100) { // etcd takes 128 in one transaction
		ops := make([]clientv3.Op, 0, len(changes))
		for _, key := range changes {
			value, wanted := want.records[key]
			if wanted {
				ops = append(ops, clientv3.OpPut(key, value, clientv3.WithLease(want.lease)))
			} else {
				// An instance that has moved may have been published by its new node, which is not to be undone.
				ours := clientv3.Compare(clientv3.LeaseValue(key), "=", want.lease)
				ops = append(ops, clientv3.OpTxn([]clientv3.Cmp{ours}, []clientv3.Op{clientv3.OpDelete(key)}, nil))
			}
			there.records[key] = ""
		}
		if _, err := p.client.Txn(ctx).Then(ops...).Commit(); err != nil {
			return fmt.Errorf("write names: %w", err)
		}
		for _, key := range changes {
			if value, wanted := want.records[key]; wanted {
				there.records[key] = value
			} else {
				delete(there.records, key)
			}
		}
	}
	return nil
}

// find reads what an earlier process of this node has written under the lease.
func (p *Publisher) find(ctx context.Context, lease clientv3.LeaseID) (map[string]string, error) {
	answer, err := p.client.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		return nil, fmt.Errorf("read names: %w", err)
	}
	found := make(map[string]string)
	for _, kv := range answer.Kvs {
		if clientv3.LeaseID(kv.Lease) == lease {
			found[string(kv.Key)] = string(kv.Value)
		}
	}
	return found, nil
}

// differences are the keys that are to be written or deleted, those to be deleted first: who fails is to be asked no more.
func differences(there, want map[string]string) []string {
	var gone, changed []string
	for _, key := range slices.Sorted(maps.Keys(there)) {
		if _, wanted := want[key]; !wanted {
			gone = append(gone, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if there[key] != want[key] {
			changed = append(changed, key)
		}
	}
	return append(gone, changed...)
}
