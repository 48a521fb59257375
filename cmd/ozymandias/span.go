package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"golang.org/x/sync/errgroup"

	"teamtask.dev/ozymandias/cluster"
)

// A span is the time of what runs as parts of a node. Those end one after the other: a node that leaves stops its instances first, and has all
// that these need until they have ended. One that is only to be started anew keeps its lease until nobody is being served any more: from
// then on it has but the time that is left of the lease to come back.
type span struct {
	*errgroup.Group
	served  context.Context // whoever is let in, and decisions
	kept    context.Context // the node itself
	needed  context.Context // what it needs: the state, the network, names
	serving sync.WaitGroup
	keeping sync.WaitGroup
}

// serve runs something that lets in others.
func (s *span) serve(do func(context.Context) error) {
	s.serving.Add(1)
	s.Go(func() error {
		defer s.serving.Done()
		return do(s.served)
	})
}

// keep runs the node.
func (s *span) keep(do func(context.Context) error) {
	s.keeping.Add(1)
	s.Go(func() error {
		defer s.keeping.Done()
		return do(s.kept)
	})
}

// runParts runs the parts of a node until ctx ends or one of them fails.
func runParts(ctx context.Context, c *cluster.Cluster, s settings, leave func() bool, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts span
	var endNode, endAll context.CancelFunc
	parts.Group, parts.served = errgroup.WithContext(ctx)
	parts.needed, endAll = context.WithCancel(context.WithoutCancel(ctx))
	defer endAll()
	parts.kept, endNode = context.WithCancel(parts.needed)
	defer endNode()
	err := startParts(&parts, c, s, leave, log)
	if err != nil {
		cancel()
	}
	<-parts.served.Done()
	if !leave() {
		parts.serving.Wait()
	}
	endNode()
	parts.keeping.Wait()
	endAll()
	return errors.Join(err, unlessTold(parts.served, parts.Wait()))
}

// unlessTold is an error, but for the one that only says that it was time to end.
func unlessTold(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
