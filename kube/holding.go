package kube

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	apiresourceversion "k8s.io/apimachinery/pkg/util/resourceversion"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// holding is a Block of this worker. It belongs to the upstream's lock.
type holding struct {
	name string
	seen *v1alpha1.Block // its newest version that is known; not to be changed

	given time.Time // when its present turn was first seen
	turn  *turn     // that the tier has, or had last; nil: none yet

	unwatch context.CancelFunc
}

// pending tells whether the Block has no range, but may be given one.
func (h *holding) pending() bool {
	s := &h.seen.Status
	return h.seen.DeletionTimestamp == nil && s.Index == nil && s.Finished() == ""
}

// coming tells whether the Block may be given a range: it has none yet, or has asked for the next by turning in the last.
func (h *holding) coming() bool {
	return h.pending() || h.seen.DeletionTimestamp == nil && h.seen.Spec.Refill && h.seen.Status.Finished() == v1alpha1.BlockDone
}

// ready tells whether it has a range that the tier does not know of.
func (h *holding) ready() bool {
	return h.seen.DeletionTimestamp == nil && h.seen.Status.Held() && (h.turn == nil || h.seen.Status.Turn > h.turn.number)
}

// taken tells whether the tier has the range that the Block has.
func (h *holding) taken() bool {
	return h.turn != nil && h.turn.lost == "" && h.seen.Status.Held() && h.seen.Status.Turn == h.turn.number
}

// newer tells whether b is a later version of the same Block than a.
func newer(a, b *v1alpha1.Block) bool {
	order, err := apiresourceversion.CompareResourceVersion(a.ResourceVersion, b.ResourceVersion)
	return err != nil || order < 0
}

// token names a lease, and what is to be known of it after the Block is gone.
type token struct {
	block string
	uid   types.UID
	list  types.UID // of the Worklist
	turn  int64
	whole worklist.Range
}

func (t token) String() string {
	return fmt.Sprintf("%s/%s/%s/%d/%d/%d", t.block, t.uid, t.list, t.turn, t.whole.Start, t.whole.End)
}

func parseToken(text string) (t token, err error) {
	// No part has a slash in it.
	_, err = fmt.Sscanf(strings.ReplaceAll(text, "/", " "), "%s %s %s %d %d %d", &t.block, &t.uid, &t.list, &t.turn, &t.whole.Start, &t.whole.End)
	if err != nil || t.String() != text {
		return t, fmt.Errorf("the token %q is none of a Block", text)
	}
	return t, nil
}

// update changes what is held, and tells those who wait.
func (u *Upstream) update(change func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	change()
	close(u.changed)
	u.changed = make(chan struct{})
}

// hold takes in a Block that was created, and follows it until it is dropped.
func (u *Upstream) hold(b *v1alpha1.Block) {
	ctx, unwatch := context.WithCancel(u.ctx)
	u.update(func() {
		u.asking = ""
		u.held[b.UID] = &holding{name: b.Name, seen: b, given: time.Now(), unwatch: unwatch}
		if u.ctx.Err() != nil { // nothing begins any more
			return
		}
		u.begin.Do(func() { u.loops.Go(u.keepAlive) })
		u.loops.Go(func() { u.watch(ctx, b) })
	})
}

// drop forgets a Block, under the upstream's lock.
func (u *Upstream) drop(uid types.UID) {
	u.held[uid].unwatch()
	delete(u.held, uid)
}

// saw takes in a version of a Block, if it is one of ours and not known to be old.
func (u *Upstream) saw(b *v1alpha1.Block) {
	u.update(func() {
		h := u.held[b.UID]
		if h == nil || !newer(h.seen, b) {
			return
		}
		if b.Status.Turn != h.seen.Status.Turn {
			h.given = time.Now()
		}
		if h.seen.Status.Phase() != b.Status.Phase() && b.Status.Phase() != v1alpha1.BlockWorking && b.Status.Phase() != v1alpha1.BlockDone {
			u.read = time.Time{} // it may be about the list as a whole
		}
		h.seen = b
	})
}

// gone takes in that a Block is no more.
func (u *Upstream) gone(uid types.UID) {
	u.update(func() {
		h := u.held[uid]
		if h == nil {
			return
		}
		u.drop(uid)
		u.read = time.Time{}
		if h.seen.Status.Turn == 0 && h.seen.DeletionTimestamp == nil {
			u.turnedAway()
		}
	})
}
