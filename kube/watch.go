package kube

import (
	"context"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// watching is how long a watch of a Block lasts, up to twice as long: one that has silently stopped working is not trusted for ever.
const watching = 5 * time.Minute

// watch follows a Block of ours, from the version that is known on, until ctx ends. It does so by the Block's name, although there
// may be several: whatever other fields a watch selects by, the API server takes every change of any Block in the namespace to it,
// and has who makes a change pay for all those watches, so that a thousand workers would bring each other to a stand.
func (u *Upstream) watch(ctx context.Context, b *v1alpha1.Block) {
	op := operation{"watch", "blocks"}
	name := ctrl.MatchingFields{"metadata.name": b.Name}
	for b != nil {
		until := int64((watching + rand.N(watching)).Seconds())
		from := metav1.ListOptions{ResourceVersion: b.ResourceVersion, TimeoutSeconds: &until}
		w, err := u.o.Client.Watch(ctx, &v1alpha1.BlockList{}, ctrl.InNamespace(u.o.Namespace), &ctrl.ListOptions{Raw: &from}, name)
		u.note(op, err)
		if err == nil {
			err = u.follow(w)
		}
		if ctx.Err() != nil {
			return
		}
		u.o.Log.Debug("the watch of a Block broke off; it is begun anew", "block", b.Name, "error", err)
		if pause(ctx, wait.Jitter(time.Second, 1)) != nil {
			return
		}
		if now, err := u.fresh(ctx, b.Name, b.UID); err == nil {
			b = now
		}
	}
}

// follow takes in what a watch sees, until it breaks off.
func (u *Upstream) follow(w watch.Interface) error {
	defer w.Stop()
	for e := range w.ResultChan() {
		b, ok := e.Object.(*v1alpha1.Block)
		if !ok {
			return apierrors.FromObject(e.Object)
		}
		u.saw(b)
		if e.Type == watch.Deleted {
			u.gone(b.UID)
		}
	}
	return nil
}

// await waits until the list is as wanted. It is watched meanwhile, from that version on.
func (u *Upstream) await(ctx context.Context, wl *v1alpha1.Worklist, wanted func(*v1alpha1.Worklist) bool) (*v1alpha1.Worklist, error) {
	watcher := &cache.ListWatch{WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
		return u.o.Client.Watch(ctx, &v1alpha1.WorklistList{}, ctrl.InNamespace(u.o.Namespace), &ctrl.ListOptions{Raw: &o}, ctrl.MatchingFields{"metadata.name": u.o.List})
	}}
	for !wanted(wl) {
		_, err := watchtools.Until(ctx, wl.ResourceVersion, watcher, func(e watch.Event) (bool, error) {
			if e.Type == watch.Error {
				return false, apierrors.FromObject(e.Object)
			}
			if x, ok := e.Object.(*v1alpha1.Worklist); ok && e.Type != watch.Bookmark {
				wl = x
			}
			return e.Type == watch.Deleted || wanted(wl), nil
		})
		if err == nil && wanted(wl) {
			return wl, u.know(wl, time.Now())
		}
		if ctx.Err() != nil {
			return wl, ctx.Err()
		}
		// The version was too old to watch from, the list was deleted, or the watch is not allowed.
		if err := pause(ctx, time.Second); err != nil {
			return wl, err
		}
		u.forgetList()
		if wl, err = u.look(ctx); err != nil {
			return nil, err
		}
	}
	return wl, nil
}

// forgetList has the list read anew when it is looked at next.
func (u *Upstream) forgetList() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.read = time.Time{}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
