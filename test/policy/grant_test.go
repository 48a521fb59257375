package policy

import (
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "teamtask.dev/api/v1alpha1"
)

// joined makes an Assignment as somebody, and grants it two workloads as the controller does.
func joined(t *testing.T, by caller, namespace, worker string) *api.Assignment {
	t.Helper()
	a, err := by.assignments(namespace).create(t.Context(), newAssignment("streams", worker))
	if err != nil {
		t.Fatal(err)
	}
	a.Spec.Incarnation, a.Spec.Version, a.Spec.Count, a.Spec.Load = "one", 3, 2, 2
	a.Spec.Workloads = []api.Grant{{Name: "cctv-0", Epoch: 3}, {Name: "cctv-1", Epoch: 3}}
	a.Spec.Revoked = []api.Revocation{{Name: "cctv-2", Epoch: 2, Version: 3}}
	if a, err = theController().assignments(namespace).update(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	return a
}

// What a worker is granted only the controller changes: not its worker, not an editor of the namespace. An admin may, to repair.
func TestGrantsAreGuarded(t *testing.T) {
	ns := newNamespace(t)
	eve := editor(t, ns)
	if err := bind(t.Context(), ns, "admin", "User", "ada"); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*api.AssignmentSpec){
		"incarnation": func(s *api.AssignmentSpec) { s.Incarnation = "two" },
		"draining":    func(s *api.AssignmentSpec) { s.Draining = true },
		"version":     func(s *api.AssignmentSpec) { s.Version = 4 },
		"count":       func(s *api.AssignmentSpec) { s.Count = 3 },
		"load":        func(s *api.AssignmentSpec) { s.Load = 3 },
		"workloads":   func(s *api.AssignmentSpec) { s.Workloads = append(s.Workloads, api.Grant{Name: "cctv-9", Epoch: 3}) },
		"revoked":     func(s *api.AssignmentSpec) { s.Revoked = nil },
		"incarnation, version, count, load, workloads, revoked": func(s *api.AssignmentSpec) {
			*s = api.AssignmentSpec{Swarm: s.Swarm, Worker: s.Worker, User: s.User, Version: 4}
		},
	} {
		worker := "w" + strings.ReplaceAll(field, ", ", "-")
		a := joined(t, user("ann", "workers"), ns, worker)
		change(&a.Spec)
		_, err := user("ann", "workers").assignments(ns).update(t.Context(), a)
		refused(t, err, `User "ann" cannot update resource "assignments"`) // by RBAC
		_, err = eve.assignments(ns).update(t.Context(), a)
		refused(t, err, "this changes spec."+field+": what a worker is granted is the controller's to say")
		refused(t, err, "leave it as it is, and change Swarm streams")
		if _, err := user("ada").assignments(ns).update(t.Context(), a); err != nil {
			t.Errorf("an admin changes spec.%s: %v", field, err)
		}
	}
	a := joined(t, user("ann", "workers"), ns, "labelled")
	a.Spec.Labels = map[string]string{"room": "cellar"}
	if a, err := eve.assignments(ns).update(t.Context(), a); err != nil {
		t.Errorf("change labels: %v", err)
	} else {
		a.Spec.User = "eve"
		_, err := eve.assignments(ns).update(t.Context(), a)
		refused(t, err, "spec.user says who made the Assignment and cannot be changed")
	}
}

// The largest part that there is can be looked through within what the API server spends on a policy.
func TestGuardBearsTheLargestPart(t *testing.T) {
	ns := newNamespace(t)
	eve := editor(t, ns)
	a := joined(t, user("ann", "workers"), ns, "large")
	long := strings.Repeat("x", 60)
	a.Spec.Workloads, a.Spec.Revoked = nil, nil
	for i := range 8192 {
		a.Spec.Workloads = append(a.Spec.Workloads, api.Grant{Name: fmt.Sprint(i, long), Epoch: 3})
		if i < 4096 {
			a.Spec.Revoked = append(a.Spec.Revoked, api.Revocation{Name: fmt.Sprint(8192+i, long), Epoch: 2, Version: 3})
		}
	}
	a, err := theController().assignments(ns).update(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	a.Labels = map[string]string{"team": "blue"}
	if a, err = eve.assignments(ns).update(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	a.Spec.Workloads[8191].Epoch, a.Spec.Revoked[4095].Epoch = 4, 1
	_, err = eve.assignments(ns).update(t.Context(), a)
	refused(t, err, "this changes spec.workloads, revoked")
}

// An Assignment that is deleted stays until the controller lets it go, as its worker may still run something.
func TestAssignmentStaysUntilItIsEmpty(t *testing.T) {
	ns := newNamespace(t)
	const message = "the finalizer teamtask.dev/handover keeps the Assignment until its worker has let go of all that it was granted"
	const strip = `[{"op": "test", "path": "/metadata/finalizers/0", "value": "` + api.AssignmentFinalizer + `"}, {"op": "remove", "path": "/metadata/finalizers/0"}]`
	eve, ann := editor(t, ns), user("ann", "workers")
	a := joined(t, ann, ns, "laptop")
	refused(t, ann.assignments(ns).remove(t.Context(), a.Name), `User "ann" cannot delete resource "assignments"`) // by RBAC
	refused(t, eve.assignments(ns).patch(t.Context(), a.Name, strip), message)
	if err := eve.assignments(ns).remove(t.Context(), a.Name); err != nil {
		t.Fatal(err)
	}
	refused(t, eve.assignments(ns).patch(t.Context(), a.Name, strip), message)
	a, err := admin().assignments(ns).get(t.Context(), a.Name)
	if err != nil || a.DeletionTimestamp == nil {
		t.Fatalf("%+v, %v", a, err)
	}
	// Its worker may still say that it has let go.
	a.Status.Incarnation, a.Status.Version, a.Status.RenewTime = "one", 3, new(metav1.NowMicro())
	if _, err := ann.assignments(ns).writeStatus(t.Context(), a); err != nil {
		t.Error(err)
	}
	if err := theController().assignments(ns).patch(t.Context(), a.Name, strip); err != nil {
		t.Error(err)
	}
	if _, err := admin().assignments(ns).get(t.Context(), a.Name); !apierrors.IsNotFound(err) {
		t.Errorf("the Assignment is still there: %v", err)
	}
}
