package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/netnstest"
	"teamtask.dev/test/image"
)

// guest is the image of all instances.
const guest = "localhost/bench-guest:1"

// patience is how long anything may take on a slow and busy machine.
const patience = 4 * time.Minute

// A stage is three nodes with a member of etcd each, a fourth without, and a machine with nothing but podman.
type stage struct {
	dir     string // short: there are sockets in it
	network *netnstest.Network
	nodes   []*node
	plain   *plain
}

const (
	// machines are those of the nodes and the one with nothing but podman.
	machines = 5
	// members are how many of the nodes have a member of etcd: the first ones.
	members = 3
)

// setUp sets the stage up; close takes down what there is of it, also after an error.
func setUp(ctx context.Context, bin string) (s *stage, err error) {
	s = &stage{}
	if s.dir, err = os.MkdirTemp("/tmp", "ozb"); err != nil {
		return s, err
	}
	archive := filepath.Join(s.dir, "guest.tar")
	if err := image.OfProgram(ctx, guest, "teamtask.dev/test/ozymandias/guest", archive); err != nil {
		return s, err
	}
	if s.network, err = netnstest.Setup(machines); err != nil {
		return s, err
	}
	last := s.network.Machines[machines-1]
	if s.plain, err = newPlain(ctx, last, filepath.Join(s.dir, "plain"), archive); err != nil {
		return s, err
	}
	for _, m := range s.network.Machines[:machines-1] {
		s.nodes = append(s.nodes, newNode(m, s.dir, bin))
	}
	if err := s.found(ctx); err != nil {
		return s, err
	}
	file, err := os.Open(archive)
	if err != nil {
		return s, err
	}
	defer file.Close()
	if _, err := s.nodes[0].client.LoadImages(ctx, file); err != nil {
		return s, err
	}
	return s, s.spread(ctx)
}

// found makes the nodes a cluster: the first alone, then the others with a member of etcd together, and when they have that, the last.
func (s *stage) found(ctx context.Context) error {
	first, last := s.nodes[0], s.nodes[members]
	if err := first.start("--label", "member=yes"); err != nil {
		return err
	}
	if err := first.ready(ctx); err != nil {
		return err
	}
	token, err := first.client.JoinToken(ctx)
	if err != nil {
		return err
	}
	join := func(n *node, member string) error {
		return n.start("--label", "member="+member, "--join", first.machine.Address.String(), "--token", strings.TrimSpace(token))
	}
	for _, n := range s.nodes[1:members] {
		if err := join(n, "yes"); err != nil {
			return err
		}
	}
	for _, n := range s.nodes[1:members] {
		if err := n.ready(ctx); err != nil {
			return err
		}
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	if err := join(last, "no"); err != nil {
		return err
	}
	return last.ready(ctx)
}

// enter waits until the first nodes have their members of etcd: the next one would become one if it came before.
func (s *stage) enter(ctx context.Context) error {
	for _, n := range s.nodes[:members] {
		err := until(ctx, n.name+" has a member of etcd", func(ctx context.Context) error {
			_, err := n.leads(ctx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// spread waits until all nodes have the image.
func (s *stage) spread(ctx context.Context) error {
	return until(ctx, "all nodes have the image", func(ctx context.Context) error {
		images, err := s.nodes[0].client.Images(ctx)
		if err != nil {
			return err
		}
		for _, i := range images {
			if i.Name == guest && len(i.Nodes) == len(s.nodes) {
				return nil
			}
		}
		return fmt.Errorf("%+v", images)
	})
}

// close ends everything and removes it.
func (s *stage) close() error {
	var mu sync.Mutex
	var faults []error
	each := func(do func(*node) error) {
		var all sync.WaitGroup
		for _, n := range s.nodes {
			all.Go(func() {
				err := do(n)
				mu.Lock()
				defer mu.Unlock()
				faults = append(faults, err)
			})
		}
		all.Wait()
	}
	if s.network != nil {
		each(func(n *node) error { return n.machine.Lose(netnstest.Nothing) })
	}
	each(func(n *node) error { return n.stop(syscall.SIGINT) })
	each((*node).reset)
	if s.plain != nil {
		faults = append(faults, s.plain.close())
	}
	if s.network != nil {
		faults = append(faults, s.network.Close())
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("%w\n%s", err, s.logs())
	}
	return os.RemoveAll(s.dir)
}

// logs are the ends of the nodes' logs.
func (s *stage) logs() string {
	var b strings.Builder
	for _, n := range s.nodes {
		text, _ := os.ReadFile(n.log())
		fmt.Fprintf(&b, "%s:\n%s\n", n.name, text[max(0, len(text)-2000):])
	}
	return b.String()
}

// client is one of the first node.
func (s *stage) client() *client.Client { return s.nodes[0].client }

// file is a job of that name whose instances are guests. options are more lines of it, those of the container indented.
func file(name string, instances int, options string) []byte {
	return fmt.Appendf(nil, `name: %s
numInstances: %d
%s
containers:
  guest:
    image: %s
    memory: 16M
    healthcheck: {type: http, port: 8080, path: /healthcheck, interval: 1, healthy_threshold: 1, unhealthy_threshold: 1}
`, name, instances, options, guest)
}

// apply applies a job.
func (s *stage) apply(ctx context.Context, job []byte) error {
	_, err := s.client().Apply(ctx, "bench.yaml", job, client.Room{})
	return err
}

// run applies a job and waits until all its instances are healthy at what it says.
func (s *stage) run(ctx context.Context, name string, job []byte) error {
	if err := s.apply(ctx, job); err != nil {
		return err
	}
	return s.up(ctx, name)
}

// up waits until all instances of a job are healthy at what is wanted now.
func (s *stage) up(ctx context.Context, name string) error {
	return until(ctx, name+" is up", func(ctx context.Context) error {
		j, err := s.client().Job(ctx, name)
		if err == nil && (j.Status.Wanted == 0 || j.Status.Current < j.Status.Wanted) {
			err = fmt.Errorf("it is %s: %s; %d of %d are", j.Status.Phase, j.Status.Message, j.Status.Current, j.Status.Wanted)
		}
		return err
	})
}

// through waits until a job is nothing but running: its deploy is over.
func (s *stage) through(ctx context.Context, name string) error {
	return until(ctx, name+" is deployed", func(ctx context.Context) error {
		j, err := s.client().Job(ctx, name)
		if err == nil && j.Status.Phase != v1.Running {
			err = fmt.Errorf("it is %s: %s", j.Status.Phase, j.Status.Message)
		}
		return err
	})
}

// end deletes jobs and waits until they are gone.
func (s *stage) end(ctx context.Context, names ...string) error {
	var all sync.WaitGroup
	faults := make([]error, len(names))
	for i, name := range names {
		all.Go(func() {
			gone, err := s.client().Delete(ctx, name, patience)
			if err == nil && !gone {
				err = fmt.Errorf("job %s does not end", name)
			}
			faults[i] = err
		})
	}
	all.Wait()
	return errors.Join(faults...)
}

// until repeats something until it succeeds.
func until(ctx context.Context, what string, try func(context.Context) error) error {
	ctx, done := context.WithTimeoutCause(ctx, patience, errors.New("that takes too long"))
	defer done()
	for {
		one, over := context.WithTimeout(ctx, 10*time.Second)
		err := try(one)
		over()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w: %w", what, context.Cause(ctx), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
