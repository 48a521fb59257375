package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	authentication "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// podName is who a token is bound to, as the API server knows it: k8s.io/apiserver/pkg/authentication/serviceaccount.PodNameKey.
const podName = "authentication.kubernetes.io/pod-name"

// Recover turns in the Blocks of a former process in this pod, whose container crashed, or ran out of memory: it would hold them
// until their leases ran out. What they do not say is done has failed, so that an item that ends its worker is split off, and given
// up in the end. It returns how many there were; outside of a pod it does nothing.
//
// Call it once, before the first claim, and only if no other process in the pod works on these lists: nothing tells its Blocks from
// those of a former one. An empty namespace is all of them, and an empty list all lists.
func Recover(ctx context.Context, c ctrl.Client, namespace, list string) (lost int, err error) {
	var me authentication.SelfSubjectReview
	if err := c.Create(ctx, &me); err != nil {
		return 0, fmt.Errorf("ask the API server who this is: %w", err)
	}
	user := me.Status.UserInfo
	if len(user.Extra[podName]) != 1 {
		return 0, nil // its name is its own choice, and others may have the same
	}
	fields := ctrl.MatchingFields{"spec.worker": user.Extra[podName][0]}
	if list != "" {
		fields["spec.worklist"] = list
	}
	var blocks v1alpha1.BlockList
	if err := c.List(ctx, &blocks, ctrl.InNamespace(namespace), fields); err != nil {
		return 0, explain(operation{"list", "blocks"}, namespace, list, err)
	}
	var errs []error
	for i := range blocks.Items {
		b := &blocks.Items[i]
		if b.Spec.User != user.Username || b.DeletionTimestamp != nil {
			continue
		}
		if b.Status.Held() {
			lost++
			lose(&b.Status, "its worker was lost: the process started anew", time.Now())
			// After a conflict the Block has gone on or has expired: then to delete it gives back what it has.
			if err := c.Status().Update(ctx, b); err != nil && !apierrors.IsConflict(err) {
				errs = append(errs, explain(operation{"update", "blocks/status"}, b.Namespace, b.Name, err))
			}
		}
		if err := c.Delete(ctx, b, ctrl.Preconditions{UID: &b.UID}); ctrl.IgnoreNotFound(err) != nil {
			errs = append(errs, explain(operation{"delete", "blocks"}, b.Namespace, b.Name, err))
		}
	}
	return lost, errors.Join(errs...)
}

// lose ends a turn of which nothing is known but what its status says: the rest has failed.
func lose(s *v1alpha1.BlockStatus, reason string, now time.Time) {
	whole := s.Range()
	t := turn{number: s.Turn, since: now, whole: whole.Core(), found: s.Found}
	for _, d := range s.DoneRanges {
		t.done.Put(d.Core(), struct{}{})
	}
	for _, f := range s.FailedRanges {
		t.failed.Put(f.Range.Core(), failure{f.Reason, f.Final, f.Attempts})
	}
	if s.Elapsed != nil {
		t.elapsed = s.Elapsed.Duration
	}
	t.report(&v1alpha1.Report{Failed: []v1alpha1.FailedItems{{Range: whole, Reason: reason}}})
	t.write(s, "", now)
}
