package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// List is a worklist as it is stored: its manifest, JSON with the list's metadata.uid, which is all the store reads of it.
type List struct {
	Name     string
	UID      string
	Manifest []byte

	created, modified int64 // revisions of the key
}

// Version changes with each change of the manifest.
func (l *List) Version() string { return strconv.FormatInt(l.modified, 10) }

// Create stores a new list. ErrExists if there is one of that name.
func (s *Store) Create(ctx context.Context, l *List) error {
	key := s.key("lists/" + l.Name)
	resp, err := s.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, string(l.Manifest))).Commit()
	if err != nil {
		return fmt.Errorf("create list %s: %w", l.Name, err)
	}
	if !resp.Succeeded {
		return fmt.Errorf("list %s: %w", l.Name, ErrExists)
	}
	l.created, l.modified = resp.Header.Revision, resp.Header.Revision
	return nil
}

// Get reads a list. ErrNotFound if there is none of that name.
func (s *Store) Get(ctx context.Context, name string) (*List, error) {
	resp, err := s.client.Get(ctx, s.key("lists/"+name))
	if err != nil {
		return nil, fmt.Errorf("read list %s: %w", name, err)
	}
	if len(resp.Kvs) == 0 {
		return nil, fmt.Errorf("list %s: %w", name, ErrNotFound)
	}
	return s.open(resp.Kvs[0].Key, resp.Kvs[0].Value, resp.Kvs[0].CreateRevision, resp.Kvs[0].ModRevision)
}

// Lists reads at most limit lists by name, from after the given name on; more tells whether there are further ones.
func (s *Store) Lists(ctx context.Context, after string, limit int) (lists []*List, more bool, err error) {
	prefix := s.key("lists/")
	from := prefix
	if after != "" {
		from = prefix + after + "\x00"
	}
	resp, err := s.client.Get(ctx, from, clientv3.WithRange(clientv3.GetPrefixRangeEnd(prefix)), clientv3.WithLimit(int64(limit)))
	if err != nil {
		return nil, false, fmt.Errorf("read lists: %w", err)
	}
	for _, kv := range resp.Kvs {
		l, err := s.open(kv.Key, kv.Value, kv.CreateRevision, kv.ModRevision)
		if err != nil {
			return nil, false, err
		}
		lists = append(lists, l)
	}
	return lists, resp.More, nil
}

// Update replaces the manifest. ErrConflict if the list was changed or deleted since it was read.
func (s *Store) Update(ctx context.Context, l *List) error {
	key := s.key("lists/" + l.Name)
	resp, err := s.client.Txn(ctx).
		If(clientv3.Compare(clientv3.ModRevision(key), "=", l.modified)).
		Then(clientv3.OpPut(key, string(l.Manifest))).Commit()
	if err != nil {
		return fmt.Errorf("update list %s: %w", l.Name, err)
	}
	if !resp.Succeeded {
		return fmt.Errorf("update list %s: %w", l.Name, ErrConflict)
	}
	l.modified = resp.Header.Revision
	return nil
}

// Delete removes a list with its record and results. Its owner's next write is refused.
func (s *Store) Delete(ctx context.Context, l *List) error {
	resp, err := s.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(s.key("lists/"+l.Name)), "=", l.created)).
		Then(clientv3.OpDelete(s.key("lists/"+l.Name)),
			clientv3.OpDelete(s.key("owners/"+l.Name)),
			clientv3.OpDelete(s.key("records/"+l.UID+"/"), clientv3.WithPrefix()),
			clientv3.OpDelete(s.key("results/"+l.UID+"/"), clientv3.WithPrefix())).Commit()
	if err != nil {
		return fmt.Errorf("delete list %s: %w", l.Name, err)
	}
	if !resp.Succeeded {
		return fmt.Errorf("delete list %s: %w", l.Name, ErrNotFound)
	}
	return nil
}

// Owners are the owners of all lists that have one, by the lists' names.
func (s *Store) Owners(ctx context.Context) (map[string]Owner, error) {
	prefix := s.key("owners/")
	resp, err := s.client.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		return nil, fmt.Errorf("read the owners of lists: %w", err)
	}
	out := make(map[string]Owner, len(resp.Kvs))
	for _, kv := range resp.Kvs {
		var o Owner
		if err := json.Unmarshal(kv.Value, &o); err != nil {
			return nil, fmt.Errorf("read the owner in %s: %w", kv.Key, err)
		}
		out[string(kv.Key[len(prefix):])] = o
	}
	return out, nil
}

// Owner is who owns a list; the zero Owner if nobody does.
func (s *Store) Owner(ctx context.Context, name string) (o Owner, err error) {
	resp, err := s.client.Get(ctx, s.key("owners/"+name))
	if err != nil {
		return o, fmt.Errorf("read the owner of list %s: %w", name, err)
	}
	if len(resp.Kvs) == 0 {
		return o, nil
	}
	if err := json.Unmarshal(resp.Kvs[0].Value, &o); err != nil {
		return o, fmt.Errorf("read the owner of list %s: %w", name, err)
	}
	return o, nil
}

func (s *Store) open(key, value []byte, created, modified int64) (*List, error) {
	l := &List{Name: string(key[len(s.key("lists/")):]), Manifest: value, created: created, modified: modified}
	var m struct {
		Metadata struct {
			UID string `json:"uid"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(value, &m); err != nil || m.Metadata.UID == "" {
		return nil, fmt.Errorf("read list %s: the stored manifest is damaged", l.Name)
	}
	l.UID = m.Metadata.UID
	return l, nil
}
