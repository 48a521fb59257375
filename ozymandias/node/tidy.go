package node

import (
	"context"
	"slices"
	"time"

	"teamtask.dev/ozymandias/schedule"
)

// tidy removes the volumes that are left over, and have been for long enough. An instance that is begun meanwhile waits until its own are
// gone; one that has begun is in the report, by which nothing of it is removed.
func (l *loop) tidy(lived context.Context) {
	if l.Volumes == nil {
		return
	}
	l.discard(lived, l.due(l.left, l.leftHere(), 0), l.Volumes.Remove)
	if now, _, _ := l.Mirror.State(); !l.cleansStorage(now) {
		clear(l.leftShared)
	} else if l.listing.CompareAndSwap(false, true) {
		go func() {
			shared, err := l.Volumes.Shared()
			l.listing.Store(false)
			if err != nil && lived.Err() == nil {
				l.Log.Warn("cannot look what volumes nodes have in common", "error", err)
			}
			select {
			case l.shared <- shared:
			case <-lived.Done():
			}
		}()
	}
}

// tidyShared removes those of the volumes that nodes have in common that are left over, and have been for long enough.
func (l *loop) tidyShared(lived context.Context, shared []schedule.Volume) {
	l.discard(lived, l.due(l.leftShared, l.leftInCommon(shared), certain), func(ctx context.Context, v schedule.Volume) error {
		_, err := apart(ctx, func() (struct{}, error) { return struct{}{}, l.Volumes.RemoveShared(ctx, v) })
		return err
	})
}

// leftHere are the volumes on the node's own disk that are left over at this moment.
func (l *loop) leftHere() []schedule.Leftover {
	now, _, _ := l.Mirror.State()
	here := now.Node(l.Name)
	if here == nil || here.Incarnation != l.incarnation {
		return nil
	}
	now = now.As(l.Name, here.Plan, l.machine.Report())
	now.Node(l.Name).Volumes = l.Volumes.All()
	return schedule.Stale(now, l.Name)
}

// cleansStorage tells whether it is this node that removes volumes that nodes have in common: the first of the living ones that have them.
func (l *loop) cleansStorage(now schedule.State) bool {
	storage := l.storage()
	first := slices.IndexFunc(now.Nodes, func(n schedule.Node) bool { return n.Alive() && n.Labels[schedule.StorageLabel] == storage })
	return storage != "" && !now.Partial && first >= 0 && now.Nodes[first].Name == l.Name
}

// leftInCommon are the volumes that nodes have in common of jobs that there are none of, if they are for this node to remove.
func (l *loop) leftInCommon(shared []schedule.Volume) (left []schedule.Leftover) {
	now, _, _ := l.Mirror.State()
	if !l.cleansStorage(now) {
		return nil
	}
	for _, v := range shared {
		if now.Job(v.Job) == nil {
			left = append(left, schedule.Leftover{Volume: v, Why: schedule.Forgotten})
		}
	}
	return left
}

// certain is how long a job must not be known at least for its volumes in common to be removed: another node may know of it before this one.
const certain = 10 * time.Minute

// due takes in what is left over at this moment, and returns what is to go now. What was deleted by somebody goes at once. The
// rest, that only turned out not to be needed, somebody may miss.
func (l *loop) due(seen leftovers, left []schedule.Leftover, least time.Duration) (due []schedule.Leftover) {
	now := time.Now()
	keep := max(l.KeepVolumes, least)
	fresh := seen.look(now, left)
	for _, v := range left {
		switch {
		case v.Why == schedule.Unwanted, v.Why == schedule.Forgotten && l.Mirror.Gone(v.Job), now.Sub(seen[v]) >= keep:
			due = append(due, v)
		case slices.Contains(fresh, v):
			l.Log.Info("a volume that nothing uses is kept for a while", "volume", v.Name, "job", v.Job, "instance", v.ID, "why", v.Why,
				"until", now.Add(keep).Truncate(time.Second))
		}
	}
	return due
}

// discard removes volumes, those of an instance one after the other.
func (l *loop) discard(lived context.Context, volumes []schedule.Leftover, remove func(context.Context, schedule.Volume) error) {
	of := map[schedule.Instance][]schedule.Leftover{}
	for _, v := range volumes {
		of[v.Instance] = append(of[v.Instance], v)
	}
	for i, volumes := range of {
		if l.tidying(i) {
			continue
		}
		tidied := make(chan struct{})
		l.tidied[i] = tidied
		l.by.Go(func() {
			defer close(tidied)
			for _, v := range volumes {
				if err := remove(lived, v.Volume); err != nil {
					l.Log.Warn("a volume that nobody needs is left", "volume", v.Name, "job", v.Job, "instance", v.ID, "error", err)
				} else {
					l.Log.Info("removed a volume that nobody needs", "volume", v.Name, "job", v.Job, "instance", v.ID)
				}
			}
		})
	}
}

// tidying tells whether volumes of an instance are being removed.
func (l *loop) tidying(i schedule.Instance) bool {
	select {
	case <-l.tidied[i]:
		delete(l.tidied, i)
		return false
	default:
		return l.tidied[i] != nil
	}
}

// behind is what an instance that begins now has to wait for: that its old volumes, and its job's, are gone.
func (l *loop) behind(i schedule.Instance) (tidied []chan struct{}) {
	for _, owner := range []schedule.Instance{i, {Job: i.Job}} {
		if l.tidying(owner) {
			tidied = append(tidied, l.tidied[owner])
		}
	}
	return tidied
}
