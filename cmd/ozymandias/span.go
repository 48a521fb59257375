package main

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"
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

// run starts parts, and runs them until ctx ends or one of them fails.
func (s *span) run(ctx context.Context, start func() error, leave func() bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var endNode, endAll context.CancelFunc
	s.Group, s.served = errgroup.WithContext(ctx)
	s.needed, endAll = context.WithCancel(context.WithoutCancel(ctx))
	defer endAll()
	s.kept, endNode = context.WithCancel(s.needed)
	defer endNode()
	err := start()
	if err != nil {
		cancel()
	}
	<-s.served.Done()
	if !leave() {
		s.serving.Wait()
	}
	endNode()
	s.keeping.Wait()
	endAll()
	return errors.Join(err, unlessTold(s.served, s.Wait()))
}

// unlessTold is an error, but for the one that only says that it was time to end.
func unlessTold(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
