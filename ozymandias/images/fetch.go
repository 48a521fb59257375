package images

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// fetch has those images fetched that are wanted and not held, and no others.
func (r *run) fetch(ctx context.Context, wanted, held map[string]bool) {
	for id, cancel := range r.fetching {
		if !wanted[id] {
			cancel()
		}
	}
	for id := range wanted {
		if r.fetching[id] != nil || held[id] {
			continue
		}
		one, cancel := context.WithCancel(ctx)
		r.fetching[id] = cancel
		r.by.Go(func() {
			r.obtain(one, id)
			r.change(func() { delete(r.trouble, id) })
			select {
			case r.fetched <- id:
			case <-ctx.Done():
			}
		})
	}
}

// obtain fetches an image until this node has it, or ctx ends.
func (r *run) obtain(ctx context.Context, id string) {
	for rest := time.Second; ctx.Err() == nil; {
		var nodes []string
		changed := r.now(func(k *knowledge) { nodes = k.from(id, r.node) })
		if len(nodes) == 0 {
			select {
			case <-ctx.Done():
			case <-changed:
			}
			continue
		}
		// One after the other, beginning anywhere, so that not all go to the same.
		rand.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
		var faults []error
		for _, node := range nodes {
			err := r.copy(ctx, node, id)
			if err == nil || ctx.Err() != nil {
				return
			}
			faults = append(faults, err)
		}
		err := errors.Join(faults...)
		r.log.Warn("an image has not come from another node: trying again", "id", id, "error", err, "in", rest)
		r.change(func() { r.trouble[id] = err })
		select {
		case <-ctx.Done():
		case <-time.After(rest):
		}
		rest = min(2*rest, 30*time.Second)
	}
}

// copy takes an image from one node, as long as that is known to have it.
func (r *run) copy(ctx context.Context, node, id string) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case r.fetches <- struct{}{}:
		defer func() { <-r.fetches }()
	}
	// A node that has died in the midst of it may leave a connection that is silent for ever. That it died is known by its lease.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		for {
			has := false
			changed := r.now(func(k *knowledge) { has = slices.Contains(k.holders[node], id) })
			if !has {
				cancel(errors.New("the node has died, or has the image no more"))
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
		}
	}()
	err := r.take(ctx, node, id)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("fetch image %s from node %s: %w", id, node, err)
	}
	r.log.Info("fetched an image of the cluster", "id", id, "from", node)
	return nil
}

// take loads an image that another node sends, and looks whether it is the one.
func (r *run) take(ctx context.Context, node, id string) error {
	archive, err := r.ask(ctx, node, id)
	if err != nil {
		return err
	}
	defer archive.Close()
	names, err := r.podman.Load(ctx, archive)
	if err != nil {
		return err
	}
	// Podman has compared each layer with the digest that the archive states, and calls an image by the digest of what states them.
	right := false
	for _, name := range names {
		image, err := r.podman.Image(ctx, name)
		if err != nil {
			return err
		}
		if name == mark(id) && image.ID == id {
			right = true
		} else if err := r.podman.RemoveImage(ctx, name); err != nil {
			return err
		}
	}
	if !right {
		return fmt.Errorf("the node has sent something else: %s", strings.Join(names, ", "))
	}
	return nil
}
