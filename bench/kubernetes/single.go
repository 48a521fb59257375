package main

import (
	"context"
	"fmt"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// workSingly makes a Block for each range until the list is over.
func (b *bench) workSingly(ctx context.Context, list, worker string, blocks *atomic.Int64) error {
	var wl v1alpha1.Worklist
	if err := b.client.Get(ctx, ctrl.ObjectKey{Namespace: namespace, Name: list}, &wl); err != nil {
		return fmt.Errorf("read worklist %s: %w", list, err)
	}
	// Without an owner, as if made by hand, each Block would cost the controller one more write.
	owner := []metav1.OwnerReference{{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.WorklistKind, Name: list, UID: wl.UID}}
	for {
		x := &v1alpha1.Block{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: list + "-", OwnerReferences: owner},
			Spec: v1alpha1.BlockSpec{Worklist: list, Worker: worker}}
		if err := b.client.Create(ctx, x); err != nil {
			return fmt.Errorf("ask for a range of %s: %w", list, err)
		}
		given, err := b.await(ctx, x)
		if err != nil || given == nil {
			return err
		}
		given.Status.Done = *given.Status.Size
		given.Status.SetPhase(v1alpha1.BlockDone, "", metav1.Now())
		if err := b.client.Status().Update(ctx, given); err != nil {
			return fmt.Errorf("turn in Block %s: %w", x.Name, err)
		}
		blocks.Add(1)
	}
}

// await waits until a Block has a range; nil: it is gone, as the list is over.
func (b *bench) await(ctx context.Context, x *v1alpha1.Block) (given *v1alpha1.Block, err error) {
	watcher := &cache.ListWatch{WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
		return b.client.Watch(ctx, &v1alpha1.BlockList{}, ctrl.InNamespace(namespace), &ctrl.ListOptions{Raw: &o}, ctrl.MatchingFields{"metadata.name": x.Name})
	}}
	_, err = watchtools.Until(ctx, x.ResourceVersion, watcher, func(e watch.Event) (bool, error) {
		now, ok := e.Object.(*v1alpha1.Block)
		switch {
		case !ok:
			return false, apierrors.FromObject(e.Object)
		case e.Type == watch.Deleted:
			return true, nil
		case now.Status.Held():
			given = now
		}
		return given != nil, nil
	})
	if err != nil {
		return nil, fmt.Errorf("wait for Block %s: %w", x.Name, err)
	}
	return given, nil
}
