package workers

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"teamtask.dev/api/v1alpha1"
)

// SetupWithManager has the manager run the reconciler. Of what a list owns only the metadata is kept in memory: that it has
// changed is enough to look at it.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, o controller.Options) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("workers").
		For(&v1alpha1.Worklist{}, builder.WithPredicates(predicate.Funcs{
			UpdateFunc: func(e event.UpdateEvent) bool {
				return matters(e.ObjectOld.(*v1alpha1.Worklist), e.ObjectNew.(*v1alpha1.Worklist))
			},
		})).
		Owns(&batchv1.Job{}, builder.OnlyMetadata).
		Owns(&corev1.ServiceAccount{}, builder.OnlyMetadata).
		Owns(&rbacv1.RoleBinding{}, builder.OnlyMetadata).
		WithOptions(o).
		Complete(r)
}

// matters tells whether there is something to decide when a list has changed: its progress is none of it.
func matters(old, list *v1alpha1.Worklist) bool {
	return old.Generation != list.Generation ||
		old.Status.Phase() != list.Status.Phase() ||
		(old.Status.BlocksOut == 0) != (list.Status.BlocksOut == 0) && list.Status.Phase() != v1alpha1.PhaseActive
}
