package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/state"
)

// What a caller may decide on; use errors.Is.
var (
	// ErrNotFound says that there is no such secret.
	ErrNotFound = errors.New("there is no such secret")
	// ErrName says that a name cannot be a secret's.
	ErrName = errors.New("no name of a secret")
)

// MaxSize is the most bytes that a value has: sealed and encoded it fits in one request to etcd.
const MaxSize = 512 << 10

// A Store is the secrets of a cluster, and a way to Vault.
type Store struct {
	client *clientv3.Client
	sealer *sealer
	vault  *vault
}

// prefix is what the keys of the records begin with.
const prefix = state.Prefix + "secrets/"

// Open returns the secrets in etcd. The key is the cluster's, of [seal.KeySize] bytes.
func Open(client *clientv3.Client, key []byte, vault VaultOptions) (*Store, error) {
	sealer, err := newSealer(key)
	if err != nil {
		return nil, fmt.Errorf("open the secrets: %w", err)
	}
	s := &Store{client: client, sealer: sealer}
	if s.vault, err = newVault(vault); err != nil {
		return nil, fmt.Errorf("open the secrets: %w", err)
	}
	return s, nil
}

// record is one in etcd.
type record struct {
	Version int64     `json:"version"`
	Changed time.Time `json:"changed"`
	Key     string    `json:"key"`
	Sealed  []byte    `json:"sealed"`
}

// A Secret is what may be known of one.
type Secret struct {
	Name string `json:"name"`
	// Version counts the values it has had, from 1.
	Version int64     `json:"version"`
	Changed time.Time `json:"changed"`
}

// Put gives a secret a value, of at most [MaxSize] bytes, and returns its version.
func (s *Store) Put(ctx context.Context, name string, value []byte) (version int64, err error) {
	if err := validate(name); err != nil {
		return 0, err
	}
	if len(value) > MaxSize {
		return 0, fmt.Errorf("secret %s has %d bytes: at most %d", name, len(value), MaxSize)
	}
	for {
		before, revision, err := s.read(ctx, name)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return 0, err
		}
		now := record{Version: before.Version + 1, Changed: time.Now().UTC(), Key: s.sealer.id}
		now.Sealed = s.sealer.seal(bound(name, now.Version), value)
		text, err := json.Marshal(now)
		if err != nil {
			return 0, fmt.Errorf("write secret %s: %w", name, err)
		}
		key := prefix + name
		// Two that put a secret at the same time: one comes after the other.
		answer, err := s.client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", revision)).Then(clientv3.OpPut(key, string(text))).Commit()
		if err != nil {
			return 0, fmt.Errorf("write secret %s: %w", name, err)
		}
		if answer.Succeeded {
			return now.Version, nil
		}
	}
}

// read returns a record, and the revision of etcd that wrote it; zero and ErrNotFound if there is none.
func (s *Store) read(ctx context.Context, name string) (r record, revision int64, err error) {
	answer, err := s.client.Get(ctx, prefix+name)
	if err != nil {
		return r, 0, fmt.Errorf("read secret %s: %w", name, err)
	}
	if len(answer.Kvs) == 0 {
		return r, 0, fmt.Errorf("%w: %s (`ozymandias secret set %s` sets it)", ErrNotFound, name, name)
	}
	if err := json.Unmarshal(answer.Kvs[0].Value, &r); err != nil {
		return r, 0, fmt.Errorf("read secret %s: it was not written by this program, or by a later one: %w", name, err)
	}
	return r, answer.Kvs[0].ModRevision, nil
}

// Get returns the value of a secret. The error is ErrNotFound if there is none of that name.
func (s *Store) Get(ctx context.Context, name string) ([]byte, error) {
	if err := validate(name); err != nil {
		return nil, err
	}
	r, _, err := s.read(ctx, name)
	if err != nil {
		return nil, err
	}
	if r.Key != s.sealer.id {
		return nil, fmt.Errorf("read secret %s: it was sealed by key %s, and this node has key %s: give the node the cluster's key, or put the secret again", name, r.Key, s.sealer.id)
	}
	value, err := s.sealer.open(bound(name, r.Version), r.Sealed)
	if err != nil {
		return nil, fmt.Errorf("read secret %s: %w", name, err)
	}
	return value, nil
}

// List returns the secrets by name, without their values.
func (s *Store) List(ctx context.Context) ([]Secret, error) {
	answer, err := s.client.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		return nil, fmt.Errorf("list the secrets: %w", err)
	}
	all := make([]Secret, 0, len(answer.Kvs))
	for _, kv := range answer.Kvs {
		secret := Secret{Name: strings.TrimPrefix(string(kv.Key), prefix)}
		if err := json.Unmarshal(kv.Value, &secret); err != nil {
			return nil, fmt.Errorf("list the secrets: %s was not written by this program, or by a later one: %w", secret.Name, err)
		}
		all = append(all, secret)
	}
	return all, nil
}

// Delete removes a secret. What runs keeps it; what is started later and wants it cannot start. The error is ErrNotFound if there is
// none of that name.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := validate(name); err != nil {
		return err
	}
	answer, err := s.client.Delete(ctx, prefix+name)
	if err != nil {
		return fmt.Errorf("delete secret %s: %w", name, err)
	}
	if answer.Deleted == 0 {
		return fmt.Errorf("%w: %s", ErrNotFound, name)
	}
	return nil
}

// Resolve returns the value that a job means, of the cluster's secrets or of Vault's.
func (s *Store) Resolve(ctx context.Context, secret job.Secret) ([]byte, error) {
	if secret.Vault != nil {
		return s.vault.read(ctx, *secret.Vault)
	}
	return s.Get(ctx, secret.Name)
}

// Encrypt and [Store.Decrypt] are for values that others keep in etcd, such as the keys of certificates. What they are kept under is not sealed with
// them.
func (s *Store) Encrypt(value []byte) ([]byte, error) { return s.sealer.seal(nil, value), nil }

// Decrypt returns what Encrypt was given.
func (s *Store) Decrypt(sealed []byte) ([]byte, error) { return s.sealer.open(nil, sealed) }

// validate refuses names that no job can name.
func validate(name string) error {
	if !job.IsName(name) {
		return fmt.Errorf("%.80q is %w: at most 253 letters, digits, '-', '_', '.' and '/', without \"..\", with a letter or digit at both ends", name, ErrName)
	}
	return nil
}
