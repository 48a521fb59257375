package policy

import (
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Who may do what in a namespace, by Kubernetes' own roles view, edit and admin, and by ours.
func TestRoles(t *testing.T) {
	ns := newNamespace(t)
	for name, role := range map[string]string{"v": "view", "e": "edit", "a": "admin", "w": "teamtask-worker", "m": "teamtask-member"} {
		if err := bind(t.Context(), ns, role, "User", name); err != nil {
			t.Fatal(err)
		}
	}
	// One letter for each who may: v(iewer), e(ditor), a(dmin), w(orker), m(ember), c(ontroller).
	for _, c := range []struct{ verb, group, resource, subresource, who string }{
		{"get", "teamtask.dev", "worklists", "", "veawc"},
		{"watch", "teamtask.dev", "blocks", "", "veawc"},
		{"create", "teamtask.dev", "worklists", "", "ea"},
		{"update", "teamtask.dev", "worklists", "", "ea"},
		{"delete", "teamtask.dev", "worklists", "", "ea"},
		{"patch", "teamtask.dev", "worklists", "scale", "ea"},
		{"work", "teamtask.dev", "worklists", "", "eaw"},
		{"update", "teamtask.dev", "worklists", "status", "ac"},
		{"create", "teamtask.dev", "blocks", "", "eaw"},
		{"update", "teamtask.dev", "blocks", "", "eac"},
		{"delete", "teamtask.dev", "blocks", "", "eawc"},
		{"deletecollection", "teamtask.dev", "blocks", "", "ea"},
		{"update", "teamtask.dev", "blocks", "status", "eawc"},
		{"patch", "teamtask.dev", "blocks", "status", "eawc"},
		{"assign", "teamtask.dev", "blocks", "", "ac"},
		{"get", "teamtask.dev", "swarms", "", "veamc"},
		{"watch", "teamtask.dev", "swarms", "", "veac"},
		{"join", "teamtask.dev", "swarms", "", "eam"},
		{"create", "teamtask.dev", "swarms", "", "ea"},
		{"update", "teamtask.dev", "swarms", "", "ea"},
		{"patch", "teamtask.dev", "swarms", "", "eac"},
		{"delete", "teamtask.dev", "swarms", "", "ea"},
		{"get", "teamtask.dev", "swarms", "scale", "vea"},
		{"patch", "teamtask.dev", "swarms", "scale", "ea"},
		{"update", "teamtask.dev", "swarms", "status", "ac"},
		{"update", "teamtask.dev", "swarms", "finalizers", "c"},
		{"watch", "teamtask.dev", "assignments", "", "veamc"},
		{"create", "teamtask.dev", "assignments", "", "eamc"},
		{"update", "teamtask.dev", "assignments", "", "eac"},
		{"delete", "teamtask.dev", "assignments", "", "eac"},
		{"deletecollection", "teamtask.dev", "assignments", "", "ea"},
		{"update", "teamtask.dev", "assignments", "status", "eamc"},
		{"patch", "teamtask.dev", "assignments", "status", "eamc"},
		{"assign", "teamtask.dev", "assignments", "", "ac"},
		{"watch", "teamtask.dev", "workloads", "", "veac"},
		{"create", "teamtask.dev", "workloads", "", "ea"},
		{"delete", "teamtask.dev", "workloads", "", "ea"},
		{"get", "", "configmaps", "", "veawc"},
		{"watch", "", "configmaps", "", "veac"},
		{"update", "", "configmaps", "", "eac"},
		{"patch", "", "configmaps", "", "ea"},
		{"delete", "", "configmaps", "", "ea"},
		{"watch", "", "pods", "", "veac"},
		{"patch", "", "pods", "", "eac"},
		{"delete", "", "pods", "", "eac"},
		{"watch", "apps", "statefulsets", "", "veac"},
		{"watch", "apps", "deployments", "", "veac"},
		{"patch", "apps", "statefulsets", "", "ea"},
		{"update", "apps", "statefulsets", "scale", "eac"},
		{"update", "apps", "deployments", "scale", "eac"},
		{"patch", "apps", "deployments", "scale", "ea"},
		{"create", "batch", "jobs", "", "eac"},
		{"create", "events.k8s.io", "events", "", "eac"},
		{"get", "", "secrets", "", "ea"},
		{"create", "", "pods", "", "ea"},
		{"create", "rbac.authorization.k8s.io", "rolebindings", "", "ac"},
		{"create", "rbac.authorization.k8s.io", "roles", "", "a"},
		{"create", "authentication.k8s.io", "tokenreviews", "", ""},
		{"get", "coordination.k8s.io", "leases", "", "ea"},
	} {
		for _, who := range "veawmc" {
			user := string(who)
			if who == 'c' {
				user = "system:serviceaccount:teamtask-system:teamtask-controller"
			}
			review, err := admin().clientset().AuthorizationV1().SubjectAccessReviews().Create(t.Context(), &authorizationv1.SubjectAccessReview{
				Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: ns, Verb: c.verb, Group: c.group, Resource: c.resource, Subresource: c.subresource}}}, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if expected := strings.ContainsRune(c.who, who); review.Status.Allowed != expected {
				t.Errorf("%c: %s %s %s/%s: allowed is %v, expected %v", who, c.verb, c.group, c.resource, c.subresource, review.Status.Allowed, expected)
			}
		}
	}
}

// The controller lets service accounts work, and can give nobody more than that.
func TestControllerBindsWorkersOnly(t *testing.T) {
	ns := newNamespace(t)
	for role, allowed := range map[string]bool{"teamtask-worker": true, "edit": false, "view": false, "cluster-admin": false} {
		_, err := theController().clientset().RbacV1().RoleBindings(ns).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "by-controller-" + role},
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "default", Namespace: ns}}}, metav1.CreateOptions{})
		if (err == nil) != allowed {
			t.Errorf("%s: %v", role, err)
		}
	}
}

// An admin of a namespace may let others work there, and join Swarms.
func TestAdminBindsWorkers(t *testing.T) {
	ns := newNamespace(t)
	if err := bind(t.Context(), ns, "admin", "User", "ada"); err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"teamtask-worker", "teamtask-member"} {
		_, err := user("ada").clientset().RbacV1().RoleBindings(ns).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: role},
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "bob"}}}, metav1.CreateOptions{})
		if err != nil {
			t.Errorf("%s: %v", role, err)
		}
	}
}
