package store

import (
	"context"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Tenure is the right to write what belongs to an object, from Acquire until another server owns the object or it is deleted.
type Tenure struct {
	objects   *Objects
	name, uid string

	owned, created int64 // create revisions of the keys of owner and manifest, which make the right
}

// Release gives the object back, so that another server need not wait for this one's lease to run out.
func (t *Tenure) Release(ctx context.Context) error {
	_, err := t.write(ctx, []clientv3.Op{clientv3.OpDelete(t.objects.owner(t.name))})
	if errors.Is(err, ErrLost) {
		return nil
	}
	return err
}

// write is a transaction that succeeds while the tenure lasts, and on what further conditions are given. Otherwise the error is
// ErrLost. It returns the store's revision that it made.
func (t *Tenure) write(ctx context.Context, ops []clientv3.Op, also ...clientv3.Cmp) (revision int64, err error) {
	conditions := append([]clientv3.Cmp{
		clientv3.Compare(clientv3.CreateRevision(t.objects.owner(t.name)), "=", t.owned),
		clientv3.Compare(clientv3.CreateRevision(t.objects.manifest(t.name)), "=", t.created)}, also...)
	resp, err := t.objects.store.client.Txn(ctx).If(conditions...).Then(ops...).Commit()
	if err != nil {
		return 0, fmt.Errorf("commit %s %s: %w", t.objects.kind, t.name, err)
	}
	if !resp.Succeeded {
		return 0, fmt.Errorf("commit %s %s: %w", t.objects.kind, t.name, ErrLost)
	}
	return resp.Header.Revision, nil
}
