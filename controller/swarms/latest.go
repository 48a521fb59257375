package swarms

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// mostMissed is how many objects are read one at a time where the cache is behind. If there are more they are all listed.
const mostMissed = 64

// latest lists objects as a live list would, at a fraction of its cost: the API server is asked for their metadata alone, and the rest
// is taken from the cache where that has the very version listed. So no object is older than the call, however old the cache is. They need not all be of one moment: nor need the parts of a [teamtask.dev/swarm/handover.Record].
func latest[T any, O interface {
	*T
	client.Object
}](ctx context.Context, r *Reconciler, list client.ObjectList, items *[]T, of ...client.ListOption) error {
	kind, err := r.Client.GroupVersionKindFor(list)
	if err != nil {
		return err
	}
	var listed metav1.PartialObjectMetadataList
	listed.SetGroupVersionKind(kind)
	if err := r.Live.List(ctx, &listed, of...); err != nil {
		return err
	}
	objects := make([]T, len(listed.Items))
	var missed []int
	for i := range objects {
		o, now := O(&objects[i]), &listed.Items[i]
		if err := r.Client.Get(ctx, client.ObjectKeyFromObject(now), o); err != nil || o.GetUID() != now.GetUID() || o.GetResourceVersion() != now.GetResourceVersion() {
			missed = append(missed, i)
		}
	}
	if len(missed) > mostMissed {
		return r.Live.List(ctx, list, of...)
	}
	var group errgroup.Group
	group.SetLimit(busy)
	for _, i := range missed {
		group.Go(func() error {
			objects[i] = *new(T) // what is decoded into an object is mixed with what is there
			return client.IgnoreNotFound(r.Live.Get(ctx, client.ObjectKeyFromObject(&listed.Items[i]), O(&objects[i])))
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	*items = slices.DeleteFunc(objects, func(o T) bool { return O(&o).GetName() == "" }) // deleted meanwhile
	return nil
}
