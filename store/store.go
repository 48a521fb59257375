package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/etcdlog"
)

// DefaultPrefix is where Teamtask lives in etcd.
const DefaultPrefix = "/teamtask/"

// Errors that callers decide on.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	ErrConflict = errors.New("changed meanwhile")
	// ErrLost means that the object is not this server's any more: another owns it, or it was deleted.
	ErrLost = errors.New("it is not owned by this server any more")
)

// Options says where the records are. With neither Dir nor Endpoints, Open fails.
type Options struct {
	NoSync    bool            // the embedded etcd does not wait for the disk: for measurements only
	Dir       string          // of the embedded etcd
	Endpoints []string        // of the user's own cluster; Dir is not used then
	Config    clientv3.Config // further settings for the user's own cluster: TLS, user, password
	Prefix    string          // default DefaultPrefix
	LeaseTTL  time.Duration   // after which what a dead server owned is free; default 5s, at least 2s
	URL       string          // where other servers reach this one
	Log       *slog.Logger    // default slog.Default()
}

// Store is a connection to etcd and this server's session in it.
type Store struct {
	Lists  *Objects // worklists
	Swarms *Objects

	client   *clientv3.Client
	embedded *embedded // nil with the user's own cluster
	prefix   string
	log      *slog.Logger

	session *session
}

// Open starts the embedded etcd, or connects to the user's own.
func Open(ctx context.Context, o Options) (_ *Store, err error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	s := &Store{prefix: o.Prefix, log: o.Log}
	s.Lists = &Objects{store: s, kind: "list", manifests: "lists/", owners: "owners/", data: []string{"records/", "results/"}}
	s.Swarms = &Objects{store: s, kind: "swarm", manifests: "swarms/", owners: "swarm-owners/", data: []string{"handovers/"}}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	switch {
	case len(o.Endpoints) > 0:
		cfg := o.Config
		cfg.Endpoints = o.Endpoints
		cfg.Context = context.WithoutCancel(ctx)
		if cfg.DialTimeout == 0 {
			cfg.DialTimeout = 5 * time.Second
		}
		if cfg.Logger == nil {
			cfg.Logger = etcdlog.New(o.Log, logged)
		}
		if s.client, err = clientv3.New(cfg); err != nil {
			return nil, fmt.Errorf("connect to etcd at %v: %w", o.Endpoints, err)
		}
		ping, cancel := context.WithTimeout(ctx, cfg.DialTimeout)
		defer cancel()
		if _, err := s.client.Get(ping, s.prefix, clientv3.WithCountOnly()); err != nil {
			return nil, fmt.Errorf("reach etcd at %v: %w", o.Endpoints, err)
		}
	case o.Dir != "":
		if s.embedded, err = startEmbedded(ctx, o.Dir, o.NoSync, o.Log); err != nil {
			return nil, err
		}
		s.client = s.embedded.client
		// Nobody else can be at work here: what an earlier process owned is free.
		for _, o := range []*Objects{s.Lists, s.Swarms} {
			if _, err := s.client.Delete(ctx, o.owner(""), clientv3.WithPrefix()); err != nil {
				return nil, fmt.Errorf("free the %ss of an earlier process: %w", o.kind, err)
			}
		}
	default:
		return nil, errors.New("open store: neither a data directory nor etcd endpoints are given")
	}
	if s.session, err = startSession(ctx, s, o.URL, o.LeaseTTL); err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends the session, which frees what this server owns, and stops the embedded etcd.
func (s *Store) Close() error {
	if s.session != nil {
		s.session.close()
	}
	var err error
	if s.embedded != nil {
		s.embedded.close()
	} else if s.client != nil {
		err = s.client.Close()
	}
	return err
}

// Ping tells whether etcd answers.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.client.Get(ctx, s.key("secret"), clientv3.WithCountOnly())
	if err != nil {
		return fmt.Errorf("reach etcd: %w", err)
	}
	return nil
}

// Lost is closed when this server's session has ended: it owns nothing any more.
func (s *Store) Lost() <-chan struct{} { return s.session.done }

func (s *Store) key(parts string) string { return s.prefix + parts }

// Secret is a value of n random bytes under that name, made on first use and the same for all servers on this etcd.
func (s *Store) Secret(ctx context.Context, name string, n int) ([]byte, error) {
	fresh := make([]byte, n)
	if _, err := rand.Read(fresh); err != nil {
		return nil, err
	}
	key := s.key(name)
	resp, err := s.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, string(fresh))).
		Else(clientv3.OpGet(key)).Commit()
	if err != nil {
		return nil, fmt.Errorf("make or read the %s: %w", name, err)
	}
	if resp.Succeeded {
		return fresh, nil
	}
	value := resp.Responses[0].GetResponseRange().Kvs[0].Value
	if len(value) != n {
		return nil, fmt.Errorf("the %s in etcd has %d bytes, not %d", name, len(value), n)
	}
	return value, nil
}
