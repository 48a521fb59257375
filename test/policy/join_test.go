package policy

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	api "teamtask.dev/api/v1alpha1"
)

// An Assignment says who made it, whatever they say themselves, and is kept until its worker has let go of everything.
func TestAssignmentIsStamped(t *testing.T) {
	ns := newNamespace(t)
	for _, c := range []struct {
		worker string
		by     caller
		user   string
	}{
		{"laptop", user("ann", "workers"), "ann"},
		{"streams-0", pod(t, ns, "default", "streams-0"), "system:serviceaccount:" + ns + ":default"},
		{"streams-1", theController(), "system:serviceaccount:teamtask-system:teamtask-controller"},
	} {
		a := newAssignment("streams", c.worker)
		a.Spec.User, a.Finalizers = "bob", []string{"example.com/hold"}
		a, err := c.by.assignments(ns).create(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		if a.Spec.User != c.user {
			t.Errorf("%s is made by %s, expected %s", a.Name, a.Spec.User, c.user)
		}
		slices.Sort(a.Finalizers)
		if !slices.Equal(a.Finalizers, []string{"example.com/hold", api.AssignmentFinalizer}) {
			t.Errorf("finalizers %q", a.Finalizers)
		}
	}
}

// A pod joins under its own name.
func TestPodJoinsAsItself(t *testing.T) {
	ns := newNamespace(t)
	node := pod(t, ns, "default", "streams-0")
	_, err := node.assignments(ns).create(t.Context(), newAssignment("streams", "streams-1"))
	refused(t, err, "you are pod streams-0, and this Assignment is for worker streams-1: a pod joins a Swarm under its own name; create the Assignment streams.streams-0 instead")
	if _, err := node.assignments(ns).create(t.Context(), newAssignment("streams", "streams-0")); err != nil {
		t.Error(err)
	}
}

// Who may make Assignments may not for that reason join every Swarm: the verb join says which.
func TestJoiningTakesTheVerbJoin(t *testing.T) {
	ns := newNamespace(t)
	ann, cam := user("ann"), pod(t, ns, "cams", "cams-0")
	letJoin(t, ns, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: "User", Name: "ann"})
	if err := eventually(t.Context(), func() error { // RBAC hears of bindings a moment later
		_, err := ann.assignments(ns).create(t.Context(), newAssignment("streams", "laptop"))
		return err
	}); err != nil {
		t.Error(err)
	}
	_, err := ann.assignments(ns).create(t.Context(), newAssignment("backups", "laptop"))
	refused(t, err, `user ann may not join Swarm backups: it takes the verb "join" on swarms.teamtask.dev in namespace `+ns+`, which the ClusterRole teamtask-member has`)
	_, err = user("bob").assignments(ns).create(t.Context(), newAssignment("streams", "desk"))
	refused(t, err, `User "bob" cannot create resource "assignments"`)                                     // by RBAC
	if _, err := cam.assignments(ns).create(t.Context(), newAssignment("backups", "cams-0")); err != nil { // all accounts of the namespace are members
		t.Error(err)
	}
}

// A pod that controls Swarms makes Assignments for others.
func TestControllerPodJoinsOthers(t *testing.T) {
	ns := newNamespace(t)
	controls := pod(t, ns, "own-controller", "own-controller-1")
	rbac := admin().clientset().RbacV1()
	_, err := rbac.RoleBindings(ns).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "own-controller"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "teamtask-controller"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "own-controller", Namespace: ns}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := eventually(t.Context(), func() error { // RBAC hears of bindings a moment later
		_, err := controls.assignments(ns).create(t.Context(), newAssignment("streams", "streams-1"))
		return err
	}); err != nil {
		t.Error(err)
	}
}

// A new Assignment grants nothing, and nothing has been acknowledged, whatever it says: two workers could have one workload otherwise.
func TestAssignmentIsMadeEmpty(t *testing.T) {
	ns := newNamespace(t)
	ann := user("ann", "workers").assignments(ns)
	for field, change := range map[string]func(*api.AssignmentSpec){
		"incarnation": func(s *api.AssignmentSpec) { s.Incarnation = "x" },
		"draining":    func(s *api.AssignmentSpec) { s.Draining = true },
		"version":     func(s *api.AssignmentSpec) { s.Version = 1 },
		"count":       func(s *api.AssignmentSpec) { s.Count = 1 },
		"load":        func(s *api.AssignmentSpec) { s.Load = 1 },
		"workloads":   func(s *api.AssignmentSpec) { s.Workloads = []api.Grant{{Name: "cctv-0", Epoch: 1}} },
		"revoked":     func(s *api.AssignmentSpec) { s.Revoked = []api.Revocation{{Name: "cctv-0", Epoch: 1, Version: 1}} },
		"version, workloads": func(s *api.AssignmentSpec) {
			s.Version, s.Workloads = 1, []api.Grant{{Name: "cctv-0", Epoch: 1}}
		},
	} {
		a := newAssignment("streams", "laptop")
		change(&a.Spec)
		_, err := ann.create(t.Context(), a)
		refused(t, err, "an Assignment is made empty, and this one has spec."+field+": what a worker is granted is the controller's to say")
	}
	a := newAssignment("streams", "laptop")
	a.Spec.Labels = map[string]string{"room": "cellar"}
	a.Spec.Workloads, a.Spec.Revoked = []api.Grant{}, []api.Revocation{}
	a.Status = api.AssignmentStatus{Incarnation: "x"}
	a, err := ann.create(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if a.Status.Incarnation != "" || len(a.Status.Conditions) != 1 || a.Status.Conditions[0].Reason != api.AssignmentPending {
		t.Errorf("status %+v", a.Status)
	}
}

// Without the stamp no Assignment is taken, as anybody could pass for who made it.
func TestNoAssignmentWithoutTheStamp(t *testing.T) {
	ns := newNamespace(t)
	restore := withoutStamp(t, "stamp-assignment.teamtask.dev")
	ann := user("ann", "workers").assignments(ns)
	const message = "the MutatingAdmissionPolicy stamp-assignment.teamtask.dev, which "
	for i, c := range []struct {
		user string
		has  []string
		lack string
	}{
		{"bob", []string{api.AssignmentFinalizer}, "spec.user does not say who makes the Assignment; " + message},
		{"ann", nil, "the finalizer teamtask.dev/handover is missing; " + message},
	} {
		var refusal error
		tries := 0
		if err := eventually(t.Context(), func() error { // the API server goes by the binding a moment longer
			tries++
			a := newAssignment("streams", fmt.Sprintf("laptop-%d-%d", i, tries))
			a.Spec.User, a.Finalizers = c.user, c.has
			if _, refusal = ann.create(t.Context(), a); refusal == nil {
				return errNotYet
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		refused(t, refusal, c.lack)
	}
	restore()
}

// letJoin lets somebody join the Swarm streams of a namespace, and no other, by the Role that docs/swarms.md has for it.
func letJoin(t *testing.T, namespace string, who rbacv1.Subject) {
	t.Helper()
	page, err := os.ReadFile(root("docs", "swarms.md"))
	if err != nil {
		t.Fatal(err)
	}
	written := regexp.MustCompile("```\n(apiVersion: [^`]*\nkind: Role\n[^`]*)```").FindSubmatch(page)
	if written == nil {
		t.Fatal("docs/swarms.md has no Role")
	}
	role := &rbacv1.Role{}
	if err := yaml.UnmarshalStrict(written[1], role); err != nil {
		t.Fatal(err)
	}
	role.Namespace = namespace
	rbac := admin().clientset().RbacV1()
	if role, err = rbac.Roles(namespace).Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err = rbac.RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name}, Subjects: []rbacv1.Subject{who}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}
