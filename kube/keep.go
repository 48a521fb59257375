package kube

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// keepAlive renews the Blocks that the tier does not know of, as it has no range of theirs: those that wait, and those whose
// range waits for the tier. It ends with the upstream, and begins once the list is known: a lease may be short.
func (u *Upstream) keepAlive() {
	for {
		if pause(u.ctx, u.lease()/3) != nil {
			return
		}
		ctx, cancel := context.WithTimeout(u.ctx, u.lease()/3)
		for uid, h := range u.all() {
			if err := u.keep(ctx, uid, h); err != nil && u.ctx.Err() == nil {
				u.o.Log.Warn("a Block could not be renewed", "block", h.name, "error", err)
			}
		}
		cancel()
	}
}

// all are the Blocks that are held, and the versions that are known.
func (u *Upstream) all() map[types.UID]holding {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := map[types.UID]holding{}
	for uid, h := range u.held {
		out[uid] = *h
	}
	return out
}

// keep renews a Block that waits. A range that nobody has wanted for as long as a lease lasts is given back.
func (u *Upstream) keep(ctx context.Context, uid types.UID, h holding) error {
	switch {
	case h.ready() && time.Since(h.given) > u.lease():
		return u.giveUp(ctx, uid, h)
	case h.coming() && !h.pending(): // it is turned in, and should have gone on by now
		_, err := u.fresh(ctx, h.name, uid)
		return err
	case !h.ready() && !h.pending():
		return nil
	}
	b := h.seen.DeepCopy()
	b.Status.RenewTime = &metav1.MicroTime{Time: time.Now()}
	op := operation{"update", "blocks/status"}
	err := u.call(ctx, op, func(ctx context.Context) error { return u.o.Client.Status().Update(ctx, b) })
	switch {
	case err == nil:
		u.saw(b)
	case apierrors.IsConflict(err), apierrors.IsNotFound(err): // it is about to be said by the watch; if not, it is seen here
		_, err = u.fresh(ctx, h.name, uid)
		return err
	}
	return err
}

// giveUp gets rid of a Block. A range that the tier has is turned in with what is done of it; another is given back by the
// controller when the Block is deleted.
func (u *Upstream) giveUp(ctx context.Context, uid types.UID, h holding) error {
	if h.taken() { // and the tier has gone
		if h.turn.end == "" {
			h.turn.end = v1alpha1.BlockReleased
		}
		_, err := u.flush(ctx, &visit{token: token{block: h.name, uid: uid}, turn: h.turn})
		return err
	}
	if end := h.seen.Status.Finished(); h.seen.DeletionTimestamp != nil || end != "" && end != v1alpha1.BlockDone {
		return nil // the controller deletes it
	}
	op, rest := operation{"delete", "blocks"}, backoff()
	for {
		err := u.call(ctx, op, func(ctx context.Context) error { return u.o.Client.Delete(ctx, h.seen, ctrl.Preconditions{UID: &uid}) })
		if ctrl.IgnoreNotFound(err) == nil || u.leave(op, h.name, err) != "" {
			return nil
		}
		if err := u.again(ctx, &rest, op, h.name, err); err != nil {
			return err
		}
	}
}
