package kube

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// watchBlocks follows the Blocks of this worker, until the upstream ends. Its name is that of a Block that was created: the cluster's admission may have
// set another than was asked for.
func (u *Upstream) watchBlocks(worker string) {
	fields := ctrl.MatchingFields{"spec.worklist": u.o.List, "spec.worker": worker}
	op := operation{"watch", "blocks"}
	informer := cache.NewSharedInformer(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			var list v1alpha1.BlockList
			err := u.o.Client.List(ctx, &list, ctrl.InNamespace(u.o.Namespace), &ctrl.ListOptions{Raw: &o}, fields)
			return &list, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			w, err := u.o.Client.Watch(ctx, &v1alpha1.BlockList{}, ctrl.InNamespace(u.o.Namespace), &ctrl.ListOptions{Raw: &o}, fields)
			u.note(op, err)
			return w, err
		},
	}, &v1alpha1.Block{}, 0)
	informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		u.note(op, err)
		u.o.Log.Debug("the watch of the Blocks broke off; it is begun anew", "error", err)
	})
	informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { u.saw(o.(*v1alpha1.Block)) },
		UpdateFunc: func(_, o any) { u.saw(o.(*v1alpha1.Block)) },
		DeleteFunc: func(o any) {
			if last, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = last.Obj
			}
			if b, ok := o.(*v1alpha1.Block); ok {
				u.saw(b)
				u.gone(b.UID)
			}
		},
	})
	informer.RunWithContext(u.ctx)
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
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
