package workers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// defaultRole is the ClusterRole of those who work.
const defaultRole = "teamtask-worker"

// provideAccount makes the ServiceAccount that the list's pods call with, and lets it work. What there is already under these
// names and was not made for this list is left alone: the controller may make accounts, and change none.
func (r *Reconciler) provideAccount(ctx context.Context, list *v1alpha1.Worklist, name string) error {
	meta := metav1.ObjectMeta{Name: name, Namespace: list.Namespace, Labels: map[string]string{listLabel: labelOf(list.Name)}, OwnerReferences: ownedBy(list)}
	account := &corev1.ServiceAccount{ObjectMeta: meta}
	if err := r.provide(ctx, list, account, &corev1.ServiceAccount{}); err != nil {
		return fmt.Errorf("make ServiceAccount %s: %w", name, err)
	}
	binding := &rbacv1.RoleBinding{ObjectMeta: meta,
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: r.role()},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: list.Namespace}}}
	var there rbacv1.RoleBinding
	if err := r.provide(ctx, list, binding, &there); err != nil {
		return fmt.Errorf("make RoleBinding %s: %w", name, err)
	}
	if there.Name != "" && (there.RoleRef != binding.RoleRef || !equality.Semantic.DeepEqual(there.Subjects, binding.Subjects)) {
		return fmt.Errorf("RoleBinding %s: %w", name, refusal("does not bind ClusterRole "+r.role()+" to ServiceAccount "+name+"; delete it, and it is made anew"))
	}
	return nil
}

// provide makes an object of the list's, or reads it if it is there.
func (r *Reconciler) provide(ctx context.Context, list *v1alpha1.Worklist, wanted, there client.Object) error {
	err := r.Live.Get(ctx, client.ObjectKeyFromObject(wanted), there)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return err
	case err != nil:
		return r.Client.Create(ctx, wanted)
	case !metav1.IsControlledBy(there, list):
		return refusal("there is one that is not this list's; delete it, or name the account that the pods are to use in spec.workers.template.spec.serviceAccountName")
	}
	return nil
}

func (r *Reconciler) role() string {
	if r.Role != "" {
		return r.Role
	}
	return defaultRole
}
