package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Objects are the manifests of one kind, and who owns which.
type Objects struct {
	store     *Store
	kind      string   // in words
	manifests string   // where they are
	owners    string   // where it stands who owns which
	data      []string // where the rest of each is, by its UID
}

// Object is a worklist or a swarm as it is stored: its manifest, JSON with the object's metadata.uid, which is all the store
// reads of it.
type Object struct {
	Name     string
	UID      string
	Manifest []byte

	created, modified int64 // revisions of the key
}

// Version changes with each change of the manifest.
func (x *Object) Version() string { return strconv.FormatInt(x.modified, 10) }

// Create stores a new object. ErrExists if there is one of that name.
func (o *Objects) Create(ctx context.Context, x *Object) error {
	key := o.manifest(x.Name)
	resp, err := o.store.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, string(x.Manifest))).Commit()
	if err != nil {
		return fmt.Errorf("create %s %s: %w", o.kind, x.Name, err)
	}
	if !resp.Succeeded {
		return fmt.Errorf("%s %s: %w", o.kind, x.Name, ErrExists)
	}
	x.created, x.modified = resp.Header.Revision, resp.Header.Revision
	return nil
}

// Get reads an object. ErrNotFound if there is none of that name.
func (o *Objects) Get(ctx context.Context, name string) (*Object, error) {
	resp, err := o.store.client.Get(ctx, o.manifest(name))
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", o.kind, name, err)
	}
	if len(resp.Kvs) == 0 {
		return nil, fmt.Errorf("%s %s: %w", o.kind, name, ErrNotFound)
	}
	return o.open(resp.Kvs[0].Key, resp.Kvs[0].Value, resp.Kvs[0].CreateRevision, resp.Kvs[0].ModRevision)
}

// Page reads at most limit objects by name, from after the given name on; more tells whether there are further ones.
func (o *Objects) Page(ctx context.Context, after string, limit int) (page []*Object, more bool, err error) {
	prefix := o.manifest("")
	from := prefix
	if after != "" {
		from = prefix + after + "\x00"
	}
	resp, err := o.store.client.Get(ctx, from, clientv3.WithRange(clientv3.GetPrefixRangeEnd(prefix)), clientv3.WithLimit(int64(limit)))
	if err != nil {
		return nil, false, fmt.Errorf("read %ss: %w", o.kind, err)
	}
	for _, kv := range resp.Kvs {
		x, err := o.open(kv.Key, kv.Value, kv.CreateRevision, kv.ModRevision)
		if err != nil {
			return nil, false, err
		}
		page = append(page, x)
	}
	return page, resp.More, nil
}

// Update replaces the manifest. ErrConflict if the object was changed or deleted since it was read.
func (o *Objects) Update(ctx context.Context, x *Object) error {
	key := o.manifest(x.Name)
	resp, err := o.store.client.Txn(ctx).
		If(clientv3.Compare(clientv3.ModRevision(key), "=", x.modified)).
		Then(clientv3.OpPut(key, string(x.Manifest))).Commit()
	if err != nil {
		return fmt.Errorf("update %s %s: %w", o.kind, x.Name, err)
	}
	if !resp.Succeeded {
		return fmt.Errorf("update %s %s: %w", o.kind, x.Name, ErrConflict)
	}
	x.modified = resp.Header.Revision
	return nil
}

// Delete removes an object with all that belongs to it. Its owner's next write is refused.
func (o *Objects) Delete(ctx context.Context, x *Object) error {
	ops := []clientv3.Op{clientv3.OpDelete(o.manifest(x.Name)), clientv3.OpDelete(o.owner(x.Name))}
	for _, data := range o.data {
		ops = append(ops, clientv3.OpDelete(o.store.key(data+x.UID+"/"), clientv3.WithPrefix()))
	}
	resp, err := o.store.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(o.manifest(x.Name)), "=", x.created)).
		Then(ops...).Commit()
	if err != nil {
		return fmt.Errorf("delete %s %s: %w", o.kind, x.Name, err)
	}
	if !resp.Succeeded {
		return fmt.Errorf("delete %s %s: %w", o.kind, x.Name, ErrNotFound)
	}
	return nil
}

func (o *Objects) manifest(name string) string { return o.store.key(o.manifests + name) }

func (o *Objects) open(key, value []byte, created, modified int64) (*Object, error) {
	x := &Object{Name: string(key[len(o.manifest("")):]), Manifest: value, created: created, modified: modified}
	var m struct {
		Metadata struct {
			UID string `json:"uid"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(value, &m); err != nil || m.Metadata.UID == "" {
		return nil, fmt.Errorf("read %s %s: the stored manifest is damaged", o.kind, x.Name)
	}
	x.UID = m.Metadata.UID
	return x, nil
}
