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
	l := &life{Node: n, turned: make(chan struct{}, 1)}
	if err := l.open(ctx); err != nil {
		return err
	}
	// A node that is told to end may have to stop its instances first, and needs its lease for that.
	lived, end := context.WithCancelCause(context.WithoutCancel(ctx))
	var by sync.WaitGroup
	by.Go(func() { l.keepLease(lived, end) })
	by.Go(func() { n.dog.Run(lived, l.told()) })
	by.Go(func() {
		if <-lived.Done(); errors.Is(context.Cause(lived), errOver) {
			_ = n.clear(context.WithoutCancel(ctx)) // at once, whatever the others wait for
		}
	})
	err := l.work(ctx, lived, end)
	end(err)
	by.Wait()
	switch cause := context.Cause(lived); {
	case errors.Is(cause, errOver):
		// Only now, with podman's service gone as well, is it certain that nothing is started any more.
		n.last = l.lease.ID
		return errors.Join(cause, n.clear(context.WithoutCancel(ctx)))
	case errors.Is(cause, errLeft):
		return l.leave()
	}
	return err
}

// keepLease keeps the lease until ctx ends, or it is over.
func (l *life) keepLease(ctx context.Context, end context.CancelCauseFunc) {
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
func (l *life) leave() error {
	ctx, done := context.WithTimeout(context.Background(), l.lease.TTL)
	defer done()
	err := errors.Join(l.lease.End(ctx), l.dog.Dismiss())
	l.dog = nil
	return err
}

// open takes up the life that an earlier process has left, or takes a lease for a new one.
func (l *life) open(ctx context.Context) error {
	here, err := boot()
	if err != nil {
		return &cannotRun{err}
	}
	if l.dog == nil {
		if err := l.inherit(ctx, here); err != nil {
			return err
		}
	}
	if l.lease == nil {
		if err := l.renew(ctx, here); err != nil {
			return err
		}
	}
	// Nothing is started before the watchdog knows how long it may run.
	for {
		err := l.dog.Until(ctx, l.lease.Deadline())
		if err == nil {
			l.dog.Tell(l.lease.Deadline()) // in place of what the last life may have left to be told
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
		l.Log.Error("the watchdog does not answer", "error", err)
		if err := pause(ctx, again); err != nil {
			return err
		}
	}
}

// inherit takes up the lease and the incarnation of an earlier process of this node, if they live, and finds its watchdog.
func (l *life) inherit(ctx context.Context, boot string) error {
	left := l.readPaper()
	if left.Boot != boot {
		l.last, left.Lease = left.Lease, 0 // what ran ended with the machine
	}
	for told := false; left.Lease != 0; told = true {
		held, incarnation, err := l.resume(ctx, left.Lease)
		if err == nil {
			if l.last = left.Lease; incarnation != "" {
				l.lease, l.incarnation, l.last = held, incarnation, 0
				l.Log.Info("the lease of the node's last process still lives: taking up what runs", "incarnation", incarnation)
			}
			break
		}
		if errors.Is(err, lease.ErrGone) {
			break
		}
		if !told {
			l.Log.Warn("etcd does not answer: what runs is left to the watchdog", "error", err)
		}
		// If there is no watchdog, nobody knows how long what runs may do so; then it ends.
		if err := l.attach(ctx, 0); err != nil {
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
	return l.attach(ctx, until)
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
func (l *life) renew(ctx context.Context, boot string) error {
	if err := l.dog.Until(ctx, 0); err != nil {
		l.Log.Error("the watchdog does not answer", "error", err)
	}
	if err := l.endServices(ctx); err != nil {
		return err
	}
	if err := l.clear(ctx); err != nil {
		return err
	}
	for told := false; ; {
		attempt, done := context.WithTimeout(ctx, l.TTL/2)
		held, err := lease.Grant(attempt, l.Etcd, l.TTL)
		done()
		if err == nil {
			l.lease = held
			return l.writePaper(paper{Lease: held.ID, Boot: boot})
		}
		if !told {
			l.Log.Warn("etcd does not answer: nothing can run until it does", "error", err)
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
