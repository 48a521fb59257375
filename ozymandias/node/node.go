package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/cgroup"
	"teamtask.dev/ozymandias/lockfile"
	"teamtask.dev/ozymandias/node/logs"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/watchdog"
)

// A Node is the process of one machine.
type Node struct {
	Options // of which Run and Podman have to be named in full: the node has methods that are called so
	client  *podman.Client
	logs    *logs.Store
	group   cgroup.Group // of all that ends with the lease
	dog     *watchdog.Dog
	last    clientv3.LeaseID // of an earlier life, of which nothing runs any more; 0: none is known

	left, leftShared leftovers   // volumes, on its own disk and on what it has in common with others
	listing          atomic.Bool // what there is on that: once at a time, as a server that is away may hold it up for ever

	mu    sync.Mutex
	there map[schedule.Instance]placed // what is on the machine
}

// placed is what an instance on the machine is known by.
type placed struct {
	name  string // the job's
	epoch int64
}

// New returns a node, to be run once.
func New(o Options) (*Node, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("make a node: %w", err)
	}
	group, err := cgroup.Find(StopGroup(o.Cgroup))
	if err != nil {
		return nil, fmt.Errorf("make a node: %w", err)
	}
	// Beside podman's own files: they are to be on one file system.
	past := logs.New(filepath.Join(o.Podman.Dir, "logs"))
	return &Node{Options: o, client: podman.Connect(o.Podman.Socket()), logs: past, group: group, left: leftovers{}, leftShared: leftovers{}}, nil
}

// rest is the pause between two attempts at what does not depend on an instance.
const rest = time.Second

// Run makes the machine agree with its plan until ctx ends. It is not tried again what a person has to see to: another process that has
// the run directory, programs that are missing.
func (n *Node) Run(ctx context.Context) error {
	unlock, err := Lock(n.Options.Run)
	if err != nil {
		return err
	}
	defer unlock()
	if err := os.MkdirAll(n.Dir, 0o711); err != nil {
		return fmt.Errorf("make the node's directory: %w", err)
	}
	defer n.client.Close()
	defer func() {
		if n.dog != nil {
			n.dog.Leave()
		}
	}()
	if n.Names != nil {
		publishing, stop := context.WithCancel(context.WithoutCancel(ctx)) // a node that leaves takes its names back first
		published := make(chan struct{})
		go func() {
			defer close(published)
			n.Names.Run(publishing)
		}()
		defer func() { stop(); <-published }()
	}
	for first := true; ; first = false {
		err := n.live(ctx)
		var fatal *cannotRun
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &fatal) && first:
			return fatal.err
		case err != nil:
			n.Log.Error("this life of the node has ended", "error", err)
		}
		if pause(ctx, rest) != nil {
			return nil
		}
	}
}

// cannotRun says that a person has to see to something.
type cannotRun struct{ err error }

func (c *cannotRun) Error() string { return c.err.Error() }

// Lock sees to it that one process has a run directory, which is made if it is not there. The error says so if another one has it.
func Lock(run string) (unlock func(), err error) {
	if err := os.MkdirAll(run, 0o711); err != nil {
		return nil, fmt.Errorf("make the node's run directory: %w", err)
	}
	if unlock, err = lockfile.Take(run); err != nil {
		return nil, fmt.Errorf("the node's run directory %s: %w", run, err)
	}
	return unlock, nil
}

// Podman speaks to the node's service, once Run has started it.
func (n *Node) Podman() *podman.Client { return n.client }

// Container is podman's name for a container of an instance that is on this machine: what runs, or ran last.
func (n *Node) Container(uid, id, container string) (name string, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at, ok := n.there[schedule.Instance{Job: uid, ID: id}]
	return containerName(podName(at.name, id, at.epoch), container), ok
}

// Logs are those of what has run on this machine and is not there any more.
func (n *Node) Logs() *logs.Store { return n.logs }

// pause waits, or returns ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
