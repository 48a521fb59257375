package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// keepAlive renews the Blocks that the tier does not know of, as it has no range of theirs: those that wait, and those whose
// range waits for the tier. It ends with the upstream.
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
		return u.giveUp(ctx, uid)
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

// leave gives back or deletes all that is held.
func (u *Upstream) leave(ctx context.Context) error {
	var errs []error
	for uid, h := range u.all() {
		if err := u.giveUp(ctx, uid); err != nil {
			errs = append(errs, fmt.Errorf("give back Block %s: %w", h.name, err))
		}
	}
	return errors.Join(errs...)
}

// giveUp gets rid of a Block: a range that it has is given back, so that nobody takes it for lost; one without is deleted, if it
// is given none meanwhile.
func (u *Upstream) giveUp(ctx context.Context, uid types.UID) error {
	rest := backoff()
	for {
		u.mu.Lock()
		h := u.held[uid]
		if h == nil || h.seen.DeletionTimestamp != nil {
			u.mu.Unlock()
			return nil
		}
		b, taken := h.seen, h.taken()
		v := &visit{token: token{block: h.name, uid: uid}, turn: h.turn}
		u.mu.Unlock()
		op := operation{"delete", "blocks"}
		var err error
		switch {
		case taken: // the tier has gone: what is done is done
			if v.turn.end == "" {
				v.turn.end = v1alpha1.BlockReleased
			}
			_, err = u.flush(ctx, v)
			return err
		case b.Status.Held():
			op = operation{"update", "blocks/status"}
			next := b.DeepCopy()
			next.Status.SetPhase(v1alpha1.BlockReleased, "its worker had no use for it", metav1.Now())
			if err = u.call(ctx, op, func(ctx context.Context) error { return u.o.Client.Status().Update(ctx, next) }); err == nil {
				u.saw(next)
				return nil
			}
		case b.Status.Finished() != "" && b.Status.Finished() != v1alpha1.BlockDone:
			return nil // the controller deletes it
		default:
			err = u.call(ctx, op, func(ctx context.Context) error {
				return u.o.Client.Delete(ctx, b, ctrl.Preconditions{UID: &b.UID, ResourceVersion: &b.ResourceVersion})
			})
			if err == nil {
				return nil
			}
		}
		switch {
		case apierrors.IsConflict(err):
		case apierrors.IsNotFound(err):
			u.gone(uid)
			return nil
		default:
			if err := u.again(ctx, &rest, op, b.Name, err); err != nil {
				return err
			}
		}
		if _, err := u.fresh(ctx, b.Name, uid); err != nil {
			if err := u.again(ctx, &rest, op, b.Name, err); err != nil {
				return err
			}
		}
	}
}
