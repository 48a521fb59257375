package store

import (
	"context"
	"encoding/json"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Owner is who owns an object; the zero Owner: nobody.
type Owner struct {
	Server string `json:"server"` // id of the server's session
	URL    string `json:"url"`
}

// Owners are the owners of all objects of the kind that have one, by the objects' names.
func (o *Objects) Owners(ctx context.Context) (map[string]Owner, error) {
	prefix := o.owner("")
	resp, err := o.store.client.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		return nil, fmt.Errorf("read the owners of %ss: %w", o.kind, err)
	}
	out := make(map[string]Owner, len(resp.Kvs))
	for _, kv := range resp.Kvs {
		var owner Owner
		if err := json.Unmarshal(kv.Value, &owner); err != nil {
			return nil, fmt.Errorf("read the owner in %s: %w", kv.Key, err)
		}
		out[string(kv.Key[len(prefix):])] = owner
	}
	return out, nil
}

// Owner is who owns an object; the zero Owner if nobody does.
func (o *Objects) Owner(ctx context.Context, name string) (owner Owner, err error) {
	resp, err := o.store.client.Get(ctx, o.owner(name))
	if err != nil {
		return owner, fmt.Errorf("read the owner of %s %s: %w", o.kind, name, err)
	}
	if len(resp.Kvs) == 0 {
		return owner, nil
	}
	if err := json.Unmarshal(resp.Kvs[0].Value, &owner); err != nil {
		return owner, fmt.Errorf("read the owner of %s %s: %w", o.kind, name, err)
	}
	return owner, nil
}

// WatchOwners calls free with the name of each object that loses its owner, until ctx ends or the watch breaks.
func (o *Objects) WatchOwners(ctx context.Context, free func(name string)) {
	prefix := o.owner("")
	for resp := range o.store.client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithFilterPut()) {
		for _, ev := range resp.Events {
			free(string(ev.Kv.Key[len(prefix):]))
		}
	}
}

// Acquire makes this server the owner of an object, if nobody is. Otherwise it answers who is.
func (o *Objects) Acquire(ctx context.Context, x *Object) (*Tenure, Owner, error) {
	s := o.store
	value, err := json.Marshal(s.session.owner)
	if err != nil {
		return nil, Owner{}, err
	}
	key, manifest := o.owner(x.Name), o.manifest(x.Name)
	resp, err := s.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0),
			clientv3.Compare(clientv3.CreateRevision(manifest), "=", x.created)).
		Then(clientv3.OpPut(key, string(value), clientv3.WithLease(s.session.lease))).
		Else(clientv3.OpGet(key), clientv3.OpGet(manifest, clientv3.WithCountOnly())).Commit()
	if err != nil {
		return nil, Owner{}, fmt.Errorf("acquire %s %s: %w", o.kind, x.Name, err)
	}
	if !resp.Succeeded {
		kvs := resp.Responses[0].GetResponseRange().Kvs
		if len(kvs) == 0 {
			return nil, Owner{}, fmt.Errorf("acquire %s %s: %w", o.kind, x.Name, ErrNotFound)
		}
		var owner Owner
		if err := json.Unmarshal(kvs[0].Value, &owner); err != nil {
			return nil, Owner{}, fmt.Errorf("read the owner of %s %s: %w", o.kind, x.Name, err)
		}
		if owner.Server == s.session.owner.Server {
			return o.reacquire(ctx, x, kvs[0].CreateRevision)
		}
		return nil, owner, nil
	}
	return &Tenure{objects: o, name: x.Name, uid: x.UID, owned: resp.Header.Revision, created: x.created}, s.session.owner, nil
}

// reacquire starts a new tenure of an object that this server owns, and ends the one it had: what a keeper does that could
// not tell whether its last commit reached the store.
func (o *Objects) reacquire(ctx context.Context, x *Object, since int64) (*Tenure, Owner, error) {
	key := o.owner(x.Name)
	_, err := o.store.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", since)).
		Then(clientv3.OpDelete(key)).Commit()
	if err != nil {
		return nil, Owner{}, fmt.Errorf("acquire %s %s anew: %w", o.kind, x.Name, err)
	}
	return o.Acquire(ctx, x)
}

func (o *Objects) owner(name string) string { return o.store.key(o.owners + name) }
