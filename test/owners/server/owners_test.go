package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/member"
	"teamtask.dev/test/owners"
)

// A Swarm on a List server; or on two that share an etcd, each of which takes over what the other loses.
func TestOwners(t *testing.T) {
	t.Parallel()
	owners.Stories(t, func(t *testing.T, _ *owners.History, i int) owners.Site {
		if i%2 == 0 {
			return &site{t: t, servers: []*server{serve(t)}}
		}
		etcd, pair := startEtcd(t), &site{t: t}
		for range 2 {
			way := newProxy(t, etcd)
			pair.ways = append(pair.ways, way)
			pair.servers = append(pair.servers, serve(t, "--etcd-endpoints", "http://"+way.listener.Addr().String(), "--takeover-after", "2s"))
		}
		return pair
	})
}

// site are servers that have one Swarm.
type site struct {
	t       *testing.T
	servers []*server
	ways    []*proxy // from each to the etcd that they share
}

// Door is a worker's client of its own, of one of the servers.
func (s *site) Door(w *owners.Wire) member.Door {
	at := s.servers[rand.IntN(len(s.servers))]
	c := client.New(at.URL, at.Token)
	c.HTTP.Transport = w.Wrap(c.HTTP.Transport)
	s.t.Cleanup(c.Close)
	return c.Swarm("streams")
}

func (s *site) Change(ctx context.Context, spec v1alpha1.SwarmSpec) error {
	swarm := &v1alpha1.Swarm{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.SwarmKind}, ObjectMeta: metav1.ObjectMeta{Name: "streams"}, Spec: spec}
	for i := 0; ; i++ {
		_, err := s.servers[i%len(s.servers)].ApplySwarm(ctx, swarm)
		var p *client.Problem
		if err == nil || ctx.Err() != nil || errors.As(err, &p) && p.Status < 500 && !client.IsConflict(err) {
			return err
		}
	}
}

func (s *site) Converged(ctx context.Context) (bool, string) {
	swarm, err := s.servers[0].GetSwarm(ctx, "streams")
	if err != nil {
		return false, err.Error()
	}
	return swarm.Status.Phase() == v1alpha1.SwarmConverged, fmt.Sprintf("%+v", swarm.Status)
}

func (s *site) Faults() []owners.Fault {
	down := func(odds int, sig syscall.Signal) owners.Fault {
		return owners.Fault{Odds: odds, Happen: func(rng *rand.Rand) string {
			return s.servers[rng.IntN(len(s.servers))].down(sig, rng, 6*time.Second)
		}}
	}
	faults := []owners.Fault{down(7, syscall.SIGKILL), down(5, syscall.SIGSTOP)}
	if len(s.ways) > 0 {
		faults = append(faults, owners.Fault{Odds: 7, Happen: func(rng *rand.Rand) string {
			i, d := rng.IntN(len(s.ways)), time.Duration(rng.Int64N(int64(10*time.Second)))
			s.ways[i].cut(d)
			return fmt.Sprintf("the server at %s is cut off from etcd for %s", s.servers[i].url, d)
		}})
	}
	return faults
}

func (s *site) Heal() {
	for _, one := range s.servers {
		one.heal()
	}
	for _, way := range s.ways {
		way.heal()
	}
}
