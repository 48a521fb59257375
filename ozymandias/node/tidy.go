package node

import (
	"context"
	"slices"
	"time"

	"teamtask.dev/ozymandias/schedule"
)

// tidy removes the volumes that nobody will ask for again. An instance that is begun meanwhile waits until its own are gone; one that has
// begun is in the report, by which nothing of it is removed.
func (l *loop) tidy(lived context.Context) {
	if l.Volumes == nil {
		return
	}
	now, _, _ := l.Mirror.State()
	here := now.Node(l.Name)
	if here == nil || here.Incarnation != l.incarnation {
		return
	}
	now = now.As(l.Name, here.Plan, l.machine.Report())
	now.Node(l.Name).Volumes = l.Volumes.All()
	l.discard(lived, schedule.Stale(now, l.Name), l.Volumes.Remove)
	l.discard(lived, l.forsaken(&now), l.Volumes.RemoveShared)
}

// discard removes volumes, those of an instance one after the other.
func (l *loop) discard(lived context.Context, volumes []schedule.Volume, remove func(context.Context, schedule.Volume) error) {
	of := map[schedule.Instance][]schedule.Volume{}
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
				if err := remove(lived, v); err != nil {
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

// certain is how long a job must not be known for its volumes in common to be removed: another node may know of it before this one.
const certain = 10 * time.Minute

// forsaken are the volumes that nodes have in common of jobs that there are none of any more, for the first of the living nodes to remove.
func (l *loop) forsaken(now *schedule.State) (volumes []schedule.Volume) {
	first := slices.IndexFunc(now.Nodes, func(n schedule.Node) bool { return n.Alive() })
	if now.Partial || first < 0 || now.Nodes[first].Name != l.Name {
		clear(l.unknown)
		return nil
	}
	shared, err := l.Volumes.Shared()
	if err != nil {
		l.Log.Warn("cannot look what volumes nodes have in common", "error", err)
		return nil
	}
	for _, v := range shared {
		since, unknown := l.unknown[v]
		switch {
		case now.Job(v.Job) != nil:
			delete(l.unknown, v)
		case !unknown:
			l.unknown[v] = time.Now()
		case time.Since(since) >= certain:
			delete(l.unknown, v)
			volumes = append(volumes, v)
		}
	}
	return volumes
}
