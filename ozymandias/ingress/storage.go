package ingress

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"

	"teamtask.dev/ozymandias/state"
)

// prefix is what the keys of all that is stored begin with.
const prefix = state.Prefix + "certificates/"

// storage is certmagic's, in etcd. Values are encrypted, all of them: there are keys among them.
type storage struct {
	client           *clientv3.Client
	encrypt, decrypt func([]byte) ([]byte, error)
	locks            *locks
}

// locks are those that this process holds, by name.
type locks struct {
	mu   sync.Mutex
	held map[string]*lock
}

type lock struct {
	session *concurrency.Session
	mutex   *concurrency.Mutex
}

var _ certmagic.Storage = storage{}

func newStorage(o *ACME) storage {
	return storage{o.Etcd, o.Encrypt, o.Decrypt, &locks{held: map[string]*lock{}}}
}

// Store writes a value.
func (s storage) Store(ctx context.Context, key string, value []byte) error {
	sealed, err := s.encrypt(value)
	if err == nil {
		_, err = s.client.Put(ctx, prefix+key, string(sealed))
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", key, err)
	}
	return nil
}

// loadWithin is how long etcd may take to give a value. Clients wait for it that show up for a challenge, and they may be anybody.
const loadWithin = 5 * time.Second

// Load reads a value. The error is fs.ErrNotExist if there is none.
func (s storage) Load(ctx context.Context, key string) ([]byte, error) {
	ctx, enough := context.WithTimeout(ctx, loadWithin)
	defer enough()
	answer, err := s.client.Get(ctx, prefix+key)
	if err == nil && len(answer.Kvs) == 0 {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", key, err)
	}
	value, err := s.decrypt(answer.Kvs[0].Value)
	if err != nil {
		return nil, fmt.Errorf("decrypt %s: %w", key, err)
	}
	return value, nil
}

// Delete deletes a value, and all below it.
func (s storage) Delete(ctx context.Context, key string) error {
	_, err := s.client.Txn(ctx).Then(clientv3.OpDelete(prefix+key), clientv3.OpDelete(prefix+key+"/", clientv3.WithPrefix())).Commit()
	if err != nil {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	return nil
}

// Exists tells whether there is a value, or one below it.
func (s storage) Exists(ctx context.Context, key string) bool {
	_, err := s.Stat(ctx, key)
	return err == nil
}

// List names the values below a path: all, or only what is next to it, where a value further down counts as its directory. The error
// is fs.ErrNotExist if there are none.
func (s storage) List(ctx context.Context, path string, recursive bool) ([]string, error) {
	below := path + "/"
	if path == "" {
		below = ""
	}
	answer, err := s.client.Get(ctx, prefix+below, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", path, err)
	}
	var all []string
	for _, kv := range answer.Kvs {
		name := strings.TrimPrefix(string(kv.Key), prefix+below)
		if !recursive {
			name, _, _ = strings.Cut(name, "/")
		}
		all = append(all, below+name)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("list %s: %w", path, fs.ErrNotExist)
	}
	return slices.Compact(all), nil // etcd sorts keys
}

// Stat tells of a value, or that there is something below it.
func (s storage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	value, err := s.Load(ctx, key)
	if err == nil {
		return certmagic.KeyInfo{Key: key, Size: int64(len(value)), IsTerminal: true}, nil
	}
	if _, below := s.List(ctx, key, true); below == nil {
		return certmagic.KeyInfo{Key: key}, nil
	}
	return certmagic.KeyInfo{}, err
}

// lockTTL is how long a lock outlives the process that holds it.
const lockTTL = 30 * time.Second

// Lock waits for a lock that all nodes share. It ends with the etcd lease of its own if this process does.
func (s storage) Lock(ctx context.Context, name string) error {
	l, err := s.lock(ctx, name)
	if err != nil {
		return fmt.Errorf("lock %s: %w", name, err)
	}
	s.locks.mu.Lock()
	defer s.locks.mu.Unlock()
	s.locks.held[name] = l
	return nil
}

func (s storage) lock(ctx context.Context, name string) (*lock, error) {
	lease, err := s.client.Grant(ctx, int64(lockTTL.Seconds()))
	if err != nil {
		return nil, err
	}
	session, err := concurrency.NewSession(s.client, concurrency.WithLease(lease.ID))
	if err != nil {
		return nil, err // and the lease runs out
	}
	l := &lock{session, concurrency.NewMutex(session, prefix+"locks/"+name)}
	if err := l.mutex.Lock(ctx); err != nil {
		session.Close()
		return nil, err
	}
	return l, nil
}

// Unlock lets go of a lock, even if ctx has ended: otherwise others would wait for the lease to.
func (s storage) Unlock(_ context.Context, name string) error {
	s.locks.mu.Lock()
	l := s.locks.held[name]
	delete(s.locks.held, name)
	s.locks.mu.Unlock()
	if l == nil {
		return fmt.Errorf("unlock %s: it is not locked", name)
	}
	if err := l.session.Close(); err != nil { // its lease, and the lock with it
		return fmt.Errorf("unlock %s: %w", name, err)
	}
	return nil
}
