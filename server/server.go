package server

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"teamtask.dev/server/swarms"
	"teamtask.dev/store"
)

// Options of a Server. The zero value of each field but Store works.
type Options struct {
	Store *store.Store
	Log   *slog.Logger // default slog.Default()
	Token string       // who calls must bring it as a bearer token; "": one is made and kept in the store

	// Exclusive says that nobody can hold a lease from before: all workers live and die with this process. What was out
	// when it ended goes out again at once.
	Exclusive bool
}

// Server is a List server: the keepers of the lists it owns, the engines of its swarms, and the REST API.
type Server struct {
	store     *store.Store
	log       *slog.Logger
	token     string
	secret    []byte // signs leases
	signing   ed25519.PrivateKey
	exclusive bool
	metrics   *metrics
	counters  *swarms.Counters
	peers     *peers
	handler   http.Handler

	lists   *holdings[*keeper]
	swarms  *holdings[*swarms.Engine]
	catalog broadcast // a list was created, changed, ended or deleted, or a swarm created

	mu   sync.Mutex
	over map[string]string // lists that nobody owned and that were over when last looked at, with their UIDs

	stop  context.CancelFunc
	loops sync.WaitGroup
}

// New makes a server on a store. Close it before the store.
func New(ctx context.Context, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Server{store: o.Store, log: o.Log, token: o.Token, exclusive: o.Exclusive, over: map[string]string{}}
	s.lists = newHoldings(o.Store.Lists, o.Store.Me(), s.takeList)
	s.swarms = newHoldings(o.Store.Swarms, o.Store.Me(), s.takeSwarm)
	var err error
	if s.secret, err = o.Store.Secret(ctx, "secret", 32); err != nil {
		return nil, err
	}
	seed, err := o.Store.Secret(ctx, "signing-key", ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	s.signing = ed25519.NewKeyFromSeed(seed)
	if s.token == "" {
		token, err := o.Store.Secret(ctx, "token", 16)
		if err != nil {
			return nil, err
		}
		s.token = hex.EncodeToString(token)
	}
	s.metrics, s.counters = newMetrics(s), swarms.NewCounters()
	s.metrics.registry.MustRegister(append(s.counters.All(), standing{s.swarms})...)
	s.peers = newPeers(o.Store, s.token)
	s.handler = s.routes()

	loop, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.loops.Go(func() { s.takeFree(loop) })
	s.loops.Go(func() { s.watchOwners(loop, s.store.Lists) })
	s.loops.Go(func() { s.watchOwners(loop, s.store.Swarms) })
	return s, nil
}

// Token is the bearer token that calls must bring.
func (s *Server) Token() string { return s.token }

// Handler is the REST API with everything around it.
func (s *Server) Handler() http.Handler { return s.handler }

// Lost is closed when the server has lost its session in etcd: it owns nothing any more and should be started anew.
func (s *Server) Lost() <-chan struct{} { return s.store.Lost() }

// Close makes durable what there is and gives all lists and swarms back. Calls that wait are refused.
func (s *Server) Close(ctx context.Context) error {
	s.stop()
	s.loops.Wait()
	s.peers.close()
	return errors.Join(s.lists.close(ctx), s.swarms.close(ctx))
}

// others are the lists of the other servers on the same etcd.
func (s *Server) others(ctx context.Context) []candidate {
	return slices.Clone(s.peers.candidates(ctx))
}

func (s *Server) next() <-chan struct{} { return s.catalog.next() }

// every calls f now and then: at each tick, and soon after something changed, until ctx ends.
func every(ctx context.Context, d time.Duration, changed func() <-chan struct{}, f func(context.Context)) {
	ticker := time.NewTicker(d)
	defer ticker.Stop()
	for {
		ch := changed()
		f(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-ch:
		}
	}
}
