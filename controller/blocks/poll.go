package blocks

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/pager"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"teamtask.dev/api/v1alpha1"
)

const (
	// pollEvery is how often all Blocks are read from the API server itself: a watch may have missed one, which nobody would ever
	// take back then.
	pollEvery = 30 * time.Second
	// pollSoon is when it is tried again if it has failed.
	pollSoon = time.Second
)

// poll looks at all Blocks now and then, until ctx ends.
func (r *Reconciler) poll(ctx context.Context) error {
	for rest := pollEvery; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(rest):
		}
		rest = pollEvery
		if err := r.lookAtAll(ctx); err != nil && ctx.Err() == nil {
			log.FromContext(ctx).Error(err, "not all Blocks could be looked at; it is tried again")
			rest = pollSoon
		}
	}
}

// lookAtAll reads all Blocks, page by page, and looks at each; and says of which lists they are.
func (r *Reconciler) lookAtAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pollEvery)
	defer cancel()
	begun := time.Now()
	there, lists := map[types.NamespacedName]bool{}, map[types.NamespacedName]bool{}
	namespaces := r.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	var errs []error
	for _, ns := range namespaces {
		pages := pager.New(func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return r.page(ctx, ns, o) })
		err := pages.EachListItem(ctx, metav1.ListOptions{}, func(o runtime.Object) error {
			b := o.(*v1alpha1.Block)
			there[client.ObjectKeyFromObject(b)] = true
			lists[types.NamespacedName{Namespace: b.Namespace, Name: b.Spec.Worklist}] = true
			if _, err := r.look(ctx, b); err != nil {
				errs = append(errs, err) // the others are none the worse for it
			}
			return nil
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("read the blocks: %w", err))
		}
	}
	if len(errs) == 0 {
		r.sightings.keep(there, begun)
	}
	for list := range lists {
		select {
		case r.Lists <- event.TypedGenericEvent[types.NamespacedName]{Object: list}:
		case <-ctx.Done():
			return errors.Join(append(errs, ctx.Err())...)
		}
	}
	return errors.Join(errs...)
}

// page reads some Blocks. While none can be read no worker can renew its lease either.
func (r *Reconciler) page(ctx context.Context, namespace string, o metav1.ListOptions) (runtime.Object, error) {
	var page v1alpha1.BlockList
	err := r.Live.List(ctx, &page, client.InNamespace(namespace), &client.ListOptions{Raw: &o})
	switch {
	case err == nil:
		r.sightings.hear(time.Now())
	case unheard(err):
		r.sightings.deafen()
	}
	return &page, err
}

// unheard tells whether an error means that the API server is away, or has too much to do: that is so for workers, too.
func unheard(err error) bool {
	var status apierrors.APIStatus
	return !errors.As(err, &status) || status.Status().Code >= 500 || apierrors.IsTooManyRequests(err)
}
