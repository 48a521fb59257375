package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/podman"
)

// again is how often a node looks at its podman without news from etcd: somebody may have removed an image by hand, and what could not be
// removed because it ran may have ended.
const again = time.Minute

// Run fetches the images of the cluster that this node does not have, removes those that the cluster has no more, and says under the node's
// lease which it has, so that others fetch them here. It ends with ctx, and returns its error; whatever goes wrong before, it tries again.
func (s *Store) Run(ctx context.Context, lease clientv3.LeaseID) error {
	r := run{Store: s, lease: lease, fetching: map[string]context.CancelFunc{}, fetched: make(chan string)}
	defer r.by.Wait()
	ctx, cancel := context.WithCancel(ctx) // before the wait, however this ends
	defer cancel()
	for rest := time.Duration(0); ; rest = min(max(2*rest, 100*time.Millisecond), 5*time.Second) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rest):
		}
		began := time.Now()
		if err := r.follow(ctx); ctx.Err() == nil {
			s.log.Warn("images of the cluster: trying again", "error", err)
		}
		if time.Since(began) > again {
			rest = 0
		}
	}
}

// run is one Run.
type run struct {
	*Store
	lease    clientv3.LeaseID
	said     string                        // which images this node has, as it stands in etcd
	by       sync.WaitGroup                // those that fetch
	fetching map[string]context.CancelFunc // by id
	fetched  chan string                   // ids whose fetch has ended, with success or because they are not wanted
}

// follow brings this node into line with what etcd says, again at each of its news, until something goes wrong.
func (r *run) follow(ctx context.Context) error {
	k, revision, err := r.read(ctx)
	if err != nil {
		return err
	}
	r.change(func() { r.known = k })
	// What is being fetched goes on when the watch breaks off.
	watching, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	news := r.etcd.Watch(watching, allKey, clientv3.WithPrefix(), clientv3.WithRev(revision+1))
	for r.said = ""; ; {
		if err := r.step(ctx); err != nil {
			return err
		}
		select {
		case answer, ok := <-news:
			if !ok {
				return errors.New("the watch of etcd ended")
			}
			if err := answer.Err(); err != nil {
				return err
			}
			if err := r.learn(answer.Events); err != nil {
				return err
			}
		case id := <-r.fetched:
			r.fetching[id]()
			delete(r.fetching, id)
		case <-time.After(again):
		}
	}
}

// learn takes in what has changed in etcd.
func (r *run) learn(events []*clientv3.Event) (err error) {
	r.change(func() {
		for _, event := range events {
			err = errors.Join(err, r.known.take(event.Kv, event.Type == mvccpb.DELETE))
		}
	})
	return err
}

// step compares what there is to be with what podman has, does something about it, and says what this node has unless that was said.
func (r *run) step(ctx context.Context) error {
	images, err := r.podman.Images(ctx)
	if err != nil {
		return err
	}
	var wanted map[string]bool
	r.now(func(k *knowledge) { wanted = k.ids() })
	held, leftover := map[string]bool{}, false
	for _, image := range images {
		id, ok := marked(image)
		switch {
		case wanted[image.ID] && !ok: // it came another way
			if err := r.podman.Tag(ctx, image.ID, mark(image.ID)); err != nil {
				return err
			}
			held[image.ID] = true
		case wanted[image.ID]:
			held[id] = true
		case ok:
			leftover = true
		}
	}
	r.change(func() { r.held = held })
	if err := r.say(ctx, held); err != nil {
		return err
	}
	r.fetch(ctx, wanted, held)
	if leftover {
		return r.clean(ctx)
	}
	return nil
}

// say writes which images this node has.
func (r *run) say(ctx context.Context, held map[string]bool) error {
	value, err := json.Marshal(append([]string{}, slices.Sorted(maps.Keys(held))...))
	if err != nil {
		return fmt.Errorf("say which images node %s has: %w", r.node, err)
	}
	if string(value) == r.said {
		return nil
	}
	if _, err := r.etcd.Put(ctx, holdersKey+r.node, string(value), clientv3.WithLease(r.lease)); err != nil {
		return fmt.Errorf("say which images node %s has: %w", r.node, err)
	}
	r.said = string(value)
	return nil
}

// clean removes what the cluster has no more, unless something runs it.
func (r *run) clean(ctx context.Context) error {
	if err := r.recording.Acquire(ctx, 1); err != nil {
		return err
	}
	defer r.recording.Release(1)
	// Not what is known in here: a name may have been given to it since.
	k, _, err := r.read(ctx)
	if err != nil {
		return err
	}
	images, err := r.podman.Images(ctx)
	if err != nil {
		return err
	}
	wanted := k.ids()
	for _, image := range images {
		id, ok := marked(image)
		if !ok || wanted[id] {
			continue
		}
		err := r.podman.RemoveImage(ctx, mark(id))
		var refused *podman.Error
		if errors.As(err, &refused) && refused.Status == http.StatusConflict {
			continue // it is in use
		}
		if err != nil {
			return err
		}
		r.log.Info("removed an image that the cluster has no more", "id", id)
	}
	return nil
}
