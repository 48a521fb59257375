package state

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/schedule"
)

// Leap is by how much versions grow, at least, when records are recovered: by more than the decisions that can have been taken since they were
// written, which at ten a second, as they are at most, would be those of three years.
const Leap = 1_000_000_000

// recovered is the version to go on from after the one that the records have. It is also more than when the same records were recovered before, as
// long as nobody sets the clock back.
func recovered(version int64, now time.Time) int64 { return max(version, 10*now.Unix()) + Leap }

// Recover makes records, of which the last ones may be lost, safe to go on with: no node is alive, so that none goes on with a plan that
// another may have been written after; and what is decided from now on has greater versions, and epochs, than what may have been decided
// and is lost. why is told as an event. It is to be called before anybody else can reach these records, and when the leases of all
// nodes have ended.
func (s *Store) Recover(ctx context.Context, why string) error {
	lives, err := s.client.Get(ctx, Prefix+live, clientv3.WithPrefix())
	if err != nil {
		return fmt.Errorf("recover the state: %w", err)
	}
	for _, kv := range lives.Kvs {
		if _, err := s.client.Revoke(ctx, clientv3.LeaseID(kv.Lease)); err != nil && !errors.Is(err, rpctypes.ErrLeaseNotFound) {
			return fmt.Errorf("recover the state: end the lease of %s: %w", kv.Key, err)
		}
	}
	answer, err := s.client.Get(ctx, Prefix+headKey)
	if err != nil {
		return fmt.Errorf("recover the state: %w", err)
	}
	before, at, err := readHead(append(answer.Kvs, nil)[0])
	if err != nil {
		return fmt.Errorf("recover the state: read the head: %w", err)
	}
	before.Version = recovered(before.Version, time.Now())
	t := transaction{}
	next := t.decide(before, at, rand.Text()[:16])
	t.tell(next.Version, []schedule.Event{{Text: why}})
	taken, err := s.do(ctx, t)
	if err == nil && !taken {
		err = ErrOvertaken
	}
	if err != nil {
		return fmt.Errorf("recover the state: %w", err)
	}
	return nil
}
