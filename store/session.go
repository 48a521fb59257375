package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Owner is who owns a list.
type Owner struct {
	Server string `json:"server"` // id of the server's session
	URL    string `json:"url"`
}

// session is this server's etcd lease. While it lasts, the lists the server has acquired are its own.
type session struct {
	owner Owner
	lease clientv3.LeaseID
	done  chan struct{} // closed when the lease is gone

	client *clientv3.Client
	stop   context.CancelFunc
	alive  sync.WaitGroup
}

func startSession(ctx context.Context, s *Store, url string, ttl time.Duration) (*session, error) {
	if ttl == 0 {
		ttl = 5 * time.Second
	}
	seconds := max(2, int64(ttl/time.Second)) // etcd counts in whole seconds
	grant, err := s.client.Grant(ctx, seconds)
	if err != nil {
		return nil, fmt.Errorf("take a lease from etcd: %w", err)
	}
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	answers, err := s.client.KeepAlive(keep, grant.ID)
	if err != nil {
		stop()
		return nil, fmt.Errorf("keep the lease in etcd: %w", err)
	}
	x := &session{owner: Owner{Server: rand.Text()[:12], URL: url}, lease: grant.ID, done: make(chan struct{}),
		client: s.client, stop: stop}
	x.alive.Go(func() {
		defer close(x.done)
		for range answers {
		}
	})
	return x, nil
}

func (x *session) close() {
	x.stop()
	x.alive.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	x.client.Revoke(ctx, x.lease) // otherwise the lists are free when the lease has run out
}

// Acquire makes this server the owner of a list, if nobody is. Otherwise it answers who is.
func (s *Store) Acquire(ctx context.Context, l *List) (*Tenure, Owner, error) {
	value, err := json.Marshal(s.session.owner)
	if err != nil {
		return nil, Owner{}, err
	}
	owner, list := s.key("owners/"+l.Name), s.key("lists/"+l.Name)
	resp, err := s.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(owner), "=", 0),
			clientv3.Compare(clientv3.CreateRevision(list), "=", l.created)).
		Then(clientv3.OpPut(owner, string(value), clientv3.WithLease(s.session.lease))).
		Else(clientv3.OpGet(owner), clientv3.OpGet(list, clientv3.WithCountOnly())).Commit()
	if err != nil {
		return nil, Owner{}, fmt.Errorf("acquire list %s: %w", l.Name, err)
	}
	if !resp.Succeeded {
		kvs := resp.Responses[0].GetResponseRange().Kvs
		if len(kvs) == 0 {
			return nil, Owner{}, fmt.Errorf("acquire list %s: %w", l.Name, ErrNotFound)
		}
		var o Owner
		if err := json.Unmarshal(kvs[0].Value, &o); err != nil {
			return nil, Owner{}, fmt.Errorf("read the owner of list %s: %w", l.Name, err)
		}
		if o.Server == s.session.owner.Server {
			return s.reacquire(ctx, l, kvs[0].CreateRevision)
		}
		return nil, o, nil
	}
	t := &Tenure{store: s, name: l.Name, uid: l.UID, ownerRev: resp.Header.Revision, listRev: l.created}
	return t, s.session.owner, nil
}

// reacquire starts a new tenure of a list that this server owns, and ends the one it had: what a keeper does that could
// not tell whether its last commit reached the store.
func (s *Store) reacquire(ctx context.Context, l *List, since int64) (*Tenure, Owner, error) {
	owner := s.key("owners/" + l.Name)
	_, err := s.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(owner), "=", since)).
		Then(clientv3.OpDelete(owner)).Commit()
	if err != nil {
		return nil, Owner{}, fmt.Errorf("acquire list %s anew: %w", l.Name, err)
	}
	return s.Acquire(ctx, l)
}

// Me is this server as others see it.
func (s *Store) Me() Owner { return s.session.owner }

// WatchOwners calls free with the name of each list that loses its owner, until ctx ends.
func (s *Store) WatchOwners(ctx context.Context, free func(name string)) {
	prefix := s.key("owners/")
	for resp := range s.client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithFilterPut()) {
		for _, ev := range resp.Events {
			free(string(ev.Kv.Key[len(prefix):]))
		}
	}
}
