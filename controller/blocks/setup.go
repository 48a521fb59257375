package blocks

import (
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"teamtask.dev/api/v1alpha1"
)

// SetupWithManager has the manager run the reconciler, and its poll beside it: by the replica that leads.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, o controller.Options) error {
	if err := mgr.Add(manager.RunnableFunc(r.poll)); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).For(&v1alpha1.Block{}).WithOptions(o).Complete(r)
}
