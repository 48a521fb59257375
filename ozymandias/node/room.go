package node

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/volumes"
)

// A need is somebody's for room on the disk.
type need struct {
	tried  map[schedule.Leftover]bool // what has been removed for it, or could not be
	answer chan (<-chan struct{})     // what is closed when there is more, if there can be; else nil
}

// volume makes a volume for an instance, if there is none. What is left over goes first if there is no room for both: placement has not counted it.
func (l *loop) volume(ctx context.Context, i schedule.Instance, v schedule.Volume) (path string, err error) {
	if l.Volumes.InCommon(v) { // which has no room of this node's
		l.note(ctx, i, "waits for the shared storage")
		defer l.note(ctx, i, "")
		return apart(ctx, func() (string, error) { return l.Volumes.Ensure(ctx, v) })
	}
	if _, more := l.growth(v); more > 0 {
		if l.sparing.take(ctx) == nil {
			l.spareImages(ctx, volumes.Size(more))
			l.sparing.giveBack()
		}
	}
	l.makeRoom(ctx, func() bool { return l.crowded(v) })
	l.makeRoom(ctx, func() bool {
		path, err = l.Volumes.Ensure(ctx, v)
		return errors.Is(err, unix.ENOSPC)
	})
	return path, err
}

// growth is the space of all volumes, and how much a volume is to have beyond what there is of it.
func (l *loop) growth(v schedule.Volume) (all, more int64) {
	more = v.Space
	for _, other := range l.Volumes.All() {
		all += other.Space
		if other.Instance == v.Instance && other.Name == v.Name {
			more = max(0, v.Space-other.Space)
		}
	}
	return all, more
}

// crowded tells whether a volume would take more than what is given for volumes, or what is to be spared for images and logs.
func (l *loop) crowded(v schedule.Volume) bool {
	all, more := l.growth(v)
	return more > 0 && (l.Capacity.Disk > 0 && all+more > l.Capacity.Disk || l.scarce(volumes.Size(more)))
}

// scarce tells whether the disk has too little, with so many bytes more.
func (l *loop) scarce(more int64) bool {
	free, err := l.free()
	return err == nil && free < scarce+more
}

// spareImages removes images that nothing here needs, one after the other, while the disk has too little, with so many bytes more: they can be
// pulled again, and come before what is left over of volumes. One does so at a time: who comes later finds more room.
func (l *loop) spareImages(ctx context.Context, more int64) {
	for l.Images != nil && l.scarce(more) {
		asked, done := context.WithTimeout(ctx, silent)
		removed, err := l.Images.Spare(asked, l.planned())
		done()
		if err != nil && ctx.Err() == nil {
			l.Log.Warn("images that nothing needs are left", "error", err)
		}
		if !removed {
			return
		}
	}
}

// planned are the names of the images that the node's plan needs.
func (l *loop) planned() (names []string) {
	now, _, _ := l.Mirror.State()
	if here := now.Node(l.Name); here != nil {
		for _, p := range here.Plan.Instances {
			if spec := now.Spec(p.Job, p.Revision); spec != nil {
				for _, c := range spec.Containers {
					names = append(names, c.Image)
				}
			}
		}
	}
	return names
}

// makeRoom removes volumes that are left over, the one that has been for longest first, as long as it is short of room and there are any.
func (l *loop) makeRoom(ctx context.Context, short func() bool) {
	tried := map[schedule.Leftover]bool{}
	for short() {
		n := need{tried, make(chan (<-chan struct{}), 1)}
		select {
		case l.needs <- n:
		case <-ctx.Done():
			return
		}
		more := <-n.answer
		if more == nil {
			return
		}
		select {
		case <-more:
		case <-ctx.Done():
			return
		}
	}
}

// yield has one volume go that is left over at this moment, if there is any. What is being removed already is waited for first.
func (l *loop) yield(lived context.Context, n need) {
	for i := range l.tidied {
		if !l.Volumes.InCommon(schedule.Volume{Instance: i}) && l.tidying(i) { // what is in common makes no room here, and may hang
			n.answer <- l.tidied[i]
			return
		}
	}
	due := l.due(l.left, l.leftHere(), 0)
	due = slices.DeleteFunc(due, func(v schedule.Leftover) bool { return n.tried[v] })
	if longest, found := l.left.longest(n.tried); len(due) == 0 && found {
		l.Log.Warn("the disk is needed: a volume that was kept for a while goes now", "volume", longest.Name, "job", longest.Job,
			"instance", longest.ID, "why", longest.Why)
		due = append(due, longest)
	}
	if len(due) == 0 {
		n.answer <- nil
		return
	}
	n.tried[due[0]] = true
	l.discard(lived, due[:1], l.Volumes.Remove)
	n.answer <- l.tidied[due[0].Instance]
}
