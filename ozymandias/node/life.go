package node

import (
	"context"
	"errors"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/lease"
	"teamtask.dev/ozymandias/watchdog"
)

// A life is a node's from the taking of a lease to its end.
type life struct {
	*Node
	lease       *lease.Lease
	incarnation string        // "" until it has joined
	turned      chan struct{} // the lease's stage has changed
}

var (
	// errOver ends a life in which everything has to be killed: the lease can be held no longer, or is not this node's any more.
	errOver = errors.New("the lease could not be kept")
	// errLeft ends one of which nothing runs any more.
	errLeft = errors.New("the node has left")
)

// live lives one life. Its error is why it ended. What ran goes on only if ctx has ended.
func (n *Node) live(ctx context.Context) error {
	l, err := n.begin(ctx)
	if err != nil {
		return err
	}
	// A node that is told to end may have to stop its instances first, and needs its lease for that.
	lived, end := context.WithCancelCause(context.WithoutCancel(ctx))
	var by sync.WaitGroup
	by.Go(func() { l.keep(lived, end) })
	by.Go(func() { n.dog.Run(lived, l.told()) })
	by.Go(func() {
		if <-lived.Done(); errors.Is(context.Cause(lived), errOver) {
			_ = n.clear(context.WithoutCancel(ctx)) // at once, whatever the others wait for
		}
	})
	err = l.run(ctx, lived, end)
	end(err)
	by.Wait()
	switch cause := context.Cause(lived); {
	case errors.Is(cause, errOver):
		// Only now, with podman's service gone as well, is it certain that nothing is started any more.
		n.last = l.lease.ID
		return errors.Join(cause, n.clear(context.WithoutCancel(ctx)))
	case errors.Is(cause, errLeft):
		return n.leave(l)
	}
	return err
}

// keep keeps the lease until ctx ends, or it is over.
func (l *life) keep(ctx context.Context, end context.CancelCauseFunc) {
	err := l.lease.Keep(ctx, func() { l.dog.Tell(l.lease.Deadline()) }, func(stage lease.Stage) {
		if stage == lease.Held {
			l.Log.Info("the node's lease is renewed again")
		} else {
			l.Log.Warn("the node's lease is not renewed: etcd does not answer", "stage", stage)
		}
		if stage >= lease.Kill {
			end(errOver)
		}
		nudge(l.turned)
	})
	if errors.Is(err, lease.ErrGone) {
		end(errOver)
	}
}

// told says in the log when the watchdog cannot be told how long to wait, and when it can again.
func (l *life) told() func(time.Duration, error) {
	failed := false
	return func(_ time.Duration, err error) {
		if (err != nil) != failed {
			if failed = err != nil; failed {
				l.Log.Error("the watchdog does not answer", "error", err)
			} else {
				l.Log.Info("the watchdog answers")
			}
		}
	}
}

// leave ends the lease of a node on which nothing runs, and the watchdog with it.
func (n *Node) leave(l *life) error {
	ctx, done := context.WithTimeout(context.Background(), l.lease.TTL)
	defer done()
	err := errors.Join(l.lease.End(ctx), n.dog.Dismiss())
	n.dog = nil
	return err
}

// begin takes up the life that an earlier process has left, or takes a lease for a new one.
func (n *Node) begin(ctx context.Context) (*life, error) {
	here, err := boot()
	if err != nil {
		return nil, &cannotRun{err}
	}
	l := &life{Node: n, turned: make(chan struct{}, 1)}
	if n.dog == nil {
		if err := n.inherit(ctx, l, here); err != nil {
			return nil, err
		}
	}
	if l.lease == nil {
		if err := n.renew(ctx, l, here); err != nil {
			return nil, err
		}
	}
	// Nothing is started before the watchdog knows how long it may run.
	for {
		err := n.dog.Until(ctx, l.lease.Deadline())
		if err == nil {
			n.dog.Tell(l.lease.Deadline()) // in place of what the last life may have left to be told
		}
		if err == nil || ctx.Err() != nil {
			return l, err
		}
		n.Log.Error("the watchdog does not answer", "error", err)
		if err := pause(ctx, again); err != nil {
			return nil, err
		}
	}
}

// inherit takes up the lease and the incarnation of an earlier process of this node, if they live, and finds its watchdog.
func (n *Node) inherit(ctx context.Context, l *life, boot string) error {
	left := n.readPaper()
	if left.Boot != boot {
		n.last, left.Lease = left.Lease, 0 // what ran ended with the machine
	}
	for told := false; left.Lease != 0; told = true {
		held, incarnation, err := n.resume(ctx, left.Lease)
		if err == nil {
			if n.last = left.Lease; incarnation != "" {
				l.lease, l.incarnation, n.last = held, incarnation, 0
				n.Log.Info("the lease of the node's last process still lives: taking up what runs", "incarnation", incarnation)
			}
			break
		}
		if errors.Is(err, lease.ErrGone) {
			break
		}
		if !told {
			n.Log.Warn("etcd does not answer: what runs is left to the watchdog", "error", err)
		}
		// If there is no watchdog, nobody knows how long what runs may do so; then it ends.
		if err := n.attach(ctx, 0); err != nil {
			return err
		}
		if err := pause(ctx, rest); err != nil {
			return err
		}
	}
	until := time.Duration(0)
	if l.lease != nil {
		until = l.lease.Deadline()
	}
	return n.attach(ctx, until)
}

// attach finds the watchdog, or starts one.
func (n *Node) attach(ctx context.Context, until time.Duration) error {
	if n.dog != nil {
		return nil
	}
	dog, err := watchdog.Attach(ctx, WatchdogSocket(n.Options.Run), until, n.Watchdog)
	if err != nil {
		return &cannotRun{err}
	}
	n.dog = dog
	return nil
}

// resume takes up a lease, and tells the incarnation that lives under it: "" if none does.
func (n *Node) resume(ctx context.Context, id clientv3.LeaseID) (held *lease.Lease, incarnation string, err error) {
	ctx, done := context.WithTimeout(ctx, n.TTL/4)
	defer done()
	if held, err = lease.Resume(ctx, n.Etcd, id); err != nil {
		return nil, "", err
	}
	now, of, err := n.Store.Life(ctx, n.Name)
	if err != nil || of != id {
		return nil, "", err
	}
	return held, now.Incarnation, nil
}

// renew takes a new lease, once nothing runs any more that ran under another.
func (n *Node) renew(ctx context.Context, l *life, boot string) error {
	if err := n.dog.Until(ctx, 0); err != nil {
		n.Log.Error("the watchdog does not answer", "error", err)
	}
	if err := n.endServices(ctx); err != nil {
		return err
	}
	if err := n.clear(ctx); err != nil {
		return err
	}
	for told := false; ; {
		attempt, done := context.WithTimeout(ctx, n.TTL/2)
		held, err := lease.Grant(attempt, n.Etcd, n.TTL)
		done()
		if err == nil {
			l.lease = held
			return n.writePaper(paper{Lease: held.ID, Boot: boot})
		}
		if !told {
			n.Log.Warn("etcd does not answer: nothing can run until it does", "error", err)
			told = true
		}
		if err := pause(ctx, rest); err != nil {
			return err
		}
	}
}

// nudge wakes who waits for something, once, however often it is called before that.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// attempt does something until it succeeds or ctx ends, and logs when it fails.
func (n *Node) attempt(ctx context.Context, what string, try func() error) error {
	for told := ""; ; {
		err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if told != err.Error() {
			told = err.Error()
			n.Log.Error("trying again to "+what, "error", err)
		}
		if err := pause(ctx, rest); err != nil {
			return err
		}
	}
}
