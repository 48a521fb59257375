package kube

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"teamtask.dev/api/v1alpha1"
)

// flush writes what is said of a turn until it has landed, or cannot land: then it says why. The worker is the only one who
// writes it, so writing it again changes nothing. Where the API server does not take it, what it has not taken before has failed;
// if it does not take that either, the Block is left until its lease runs out.
func (u *Upstream) flush(ctx context.Context, v *visit) (lost string, err error) {
	t, op, rest := v.turn, operation{"update", "blocks/status"}, backoff()
	unsure := false // whether an earlier write has landed
	refusal := ""   // why what is said cannot be written
	for b := u.seen(v.token.uid); ; {
		if b == nil {
			if b, err = u.fresh(ctx, v.token.block, v.token.uid); err != nil {
				get := operation{"get", "blocks"}
				if lost := u.leave(get, v.token.block, err); lost != "" {
					return lost, nil
				}
				if err := u.again(ctx, &rest, get, v.token.block, err); err != nil {
					return "", err
				}
				continue
			}
		}
		if b != nil && refusal == "" && t.landed(b) {
			t.dirty = false
			return "", nil
		}
		lost := goneBlock(v.token.block)
		if b != nil {
			lost = t.over(b)
		}
		if lost != "" {
			return u.landed(ctx, v, unsure, lost)
		}
		next, now := b.DeepCopy(), time.Now()
		if refusal == "" {
			t.write(&next.Status, next.Spec.Worker, now)
		} else {
			lose(&next.Status, refusal, now)
		}
		err := u.call(ctx, op, func(ctx context.Context) error { return u.o.Client.Status().Update(ctx, next) })
		switch {
		case err == nil:
			u.saw(next)
			u.update(func() { t.renewed = now })
			t.dirty = false
			return refusal, nil
		case refused(err) && refusal != "":
			return refusal, nil
		case refused(err):
			refusal = fmt.Sprintf("the API server refuses the status of Block %s: %v", v.token.block, err)
			u.o.Log.Warn("a Block is lost", "error", refusal)
		case apierrors.IsConflict(err), apierrors.IsNotFound(err) && !uninstalled(err):
		default:
			if lost := u.leave(op, v.token.block, err); lost != "" {
				return lost, nil
			}
			unsure = unsure || !apierrors.IsTooManyRequests(err)
			if err := u.again(ctx, &rest, op, v.token.block, err); err != nil {
				return "", err
			}
		}
		b = nil
	}
}

func goneBlock(name string) string {
	return fmt.Sprintf("Block %s is gone, or has gone on without it", name)
}

// seen is the newest version of a Block that is known; nil: none is.
func (u *Upstream) seen(uid types.UID) *v1alpha1.Block {
	u.mu.Lock()
	defer u.mu.Unlock()
	if h := u.held[uid]; h != nil {
		return h.seen
	}
	return nil
}

// landed asks the list's record about a turn that is over: where the answer to its last write was lost, that may have landed and
// been merged at once. lost is why not, if it has not.
func (u *Upstream) landed(ctx context.Context, v *visit, unsure bool, lost string) (string, error) {
	if !unsure || v.turn.end != v1alpha1.BlockDone {
		return lost, nil
	}
	u.forgetList()
	wl, err := u.look(ctx)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err == nil && wl.UID == v.token.list && v.turn.merged(wl.Status.Record()) {
		v.turn.dirty = false
		return "", nil
	}
	return lost, nil
}

// fresh is a Block as it is now; nil if there is none of that UID.
func (u *Upstream) fresh(ctx context.Context, name string, uid types.UID) (*v1alpha1.Block, error) {
	b := &v1alpha1.Block{}
	err := u.call(ctx, operation{"get", "blocks"}, func(ctx context.Context) error {
		return u.o.Client.Get(ctx, types.NamespacedName{Namespace: u.o.Namespace, Name: name}, b)
	})
	switch {
	case err != nil && (!apierrors.IsNotFound(err) || uninstalled(err)):
		return nil, err
	case err != nil, b.UID != uid:
		u.gone(uid)
		return nil, nil
	}
	u.saw(b)
	return b, nil
}

// again waits before a call is repeated, unless that is of no use.
func (u *Upstream) again(ctx context.Context, rest *wait.Backoff, op operation, name string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", op, name, ctx.Err())
	}
	if refused(err) {
		return explain(op, u.o.Namespace, name, err)
	}
	u.o.Log.Warn("the API server does not do as asked; trying on", "call", op, "block", name, "error", err)
	return pause(ctx, rest.Step())
}

// backoff is how long calls rest before they are repeated: 0.1 s at first, 5 s at most.
func backoff() wait.Backoff {
	return wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 8, Cap: 5 * time.Second}
}
