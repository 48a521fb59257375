package policy

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "teamtask.dev/api/v1alpha1"
)

// What a worker may write into the status of its Assignment: that it is there, and what it runs. A pod of a pool has its Assignment
// made by the controller.
func TestWorkerAcknowledges(t *testing.T) {
	ns := newNamespace(t)
	first, second := pod(t, ns, "default", "streams-0"), pod(t, ns, "default", "streams-1")
	for _, c := range []struct {
		worker   string
		made, by caller
	}{
		{"laptop", user("ann", "workers"), user("ann", "workers")},
		{"outside", account(ns, "default"), account(ns, "default")},
		{"streams-0", first, first},
		{"streams-1", theController(), second},
		{"streams-2", theController(), theController()}, // for a program that knows nothing of Teamtask
	} {
		a := joined(t, c.made, ns, c.worker)
		for _, version := range []int64{0, 3, 3} {
			a.Status.Incarnation, a.Status.Version, a.Status.RenewTime = "one", version, new(metav1.NowMicro())
			written, err := c.by.assignments(ns).writeStatus(t.Context(), a)
			if err != nil {
				t.Fatalf("%s acknowledges %d: %v", c.worker, version, err)
			}
			a = written
		}
		a.Status.Version = 4
		_, err := c.by.assignments(ns).writeStatus(t.Context(), a)
		refused(t, err, "is of a part that nobody was given yet")
	}
}

// A worker whose Assignment the controller made joins by its incarnation, which takes the verb join, too. Who has joined goes on, lets go
// and leaves without: a worker that may not say that it has let go would keep others from having its workloads.
func TestSessionTakesTheVerbJoin(t *testing.T) {
	ns := newNamespace(t)
	if err := admin().clientset().RbacV1().RoleBindings(ns).Delete(t.Context(), "teamtask-member.system:serviceaccounts:"+ns, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	cam, controller := pod(t, ns, "cams", "cams-0").assignments(ns), theController().assignments(ns)
	letJoin(t, ns, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: "cams", Namespace: ns})
	streams, backups := joined(t, theController(), ns, "cams-0"), newAssignment("backups", "cams-0")
	backups, err := controller.create(t.Context(), backups)
	if err != nil {
		t.Fatal(err)
	}
	backups.Spec.Version = 3
	if backups, err = controller.update(t.Context(), backups); err != nil {
		t.Fatal(err)
	}

	streams.Status.Incarnation = "one"
	if err := eventually(t.Context(), func() error { // RBAC hears of bindings a moment later
		_, err := cam.writeStatus(t.Context(), streams)
		return err
	}); err != nil {
		t.Error(err)
	}
	account := "system:serviceaccount:" + ns + ":cams"
	for _, c := range []struct {
		name, incarnation string
		version           int64
		by                objects[api.Assignment]
		refusal           string
	}{
		{"joins", "one", 0, cam, "user " + account + ` may not join Swarm backups: it takes the verb "join" on swarms.teamtask.dev in namespace ` + ns},
		{"is let in", "one", 0, controller, ""}, // as if it had lost the verb since
		{"renews its lease", "one", 0, cam, ""},
		{"acknowledges", "one", 3, cam, ""},
		{"joins anew", "two", 3, cam, "may not join Swarm backups"},
		{"leaves", "", 3, cam, ""},
		{"comes back", "one", 3, cam, "may not join Swarm backups"},
	} {
		asked := backups.DeepCopy()
		asked.Status.Incarnation, asked.Status.Version, asked.Status.RenewTime = c.incarnation, c.version, new(metav1.NowMicro())
		written, err := c.by.writeStatus(t.Context(), asked)
		switch {
		case c.refusal != "":
			refused(t, err, c.refusal)
		case err != nil:
			t.Fatalf("%s: %v", c.name, err)
		default:
			backups = written
		}
	}
}

// What another one runs nobody says, be it by a patch: workloads that it is said to have let go of would be granted to others while it
// runs them.
func TestNobodyAcknowledgesForAnother(t *testing.T) {
	ns := newNamespace(t)
	ann, bob := user("ann", "workers"), user("bob", "workers")
	first, second := pod(t, ns, "default", "streams-0"), pod(t, ns, "default", "streams-1")
	namesake := pod(t, newNamespace(t), "default", "streams-0")
	_, err := admin().clientset().RbacV1().RoleBindings(ns).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "everybody"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "teamtask-member"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: "system:serviceaccounts"}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	laptop, own, pooled := joined(t, ann, ns, "laptop"), joined(t, first, ns, "streams-0"), joined(t, theController(), ns, "streams-1")
	if err := eventually(t.Context(), func() error { // RBAC hears of bindings a moment later
		_, err := namesake.assignments(ns).get(t.Context(), own.Name)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		of      *api.Assignment
		by      caller
		message string
	}{
		{"another person", laptop, bob, "this Assignment is worker laptop's, which ann made, and you are bob: only the pod of that name, or who made it, " +
			"may say what it runs; join Swarm streams under a name of your own"},
		{"an editor", laptop, editor(t, ns), "this Assignment is worker laptop's, which ann made, and you are eve"},
		{"a person for a pod", pooled, ann, "this Assignment is worker streams-1's, which system:serviceaccount:teamtask-system:teamtask-controller made, and you are ann"},
		{"a pod for a person", laptop, first, "this Assignment is worker laptop's, and you are pod streams-0: a pod acknowledges under its own name only, " +
			"in the Assignment streams.streams-0; if there is none, it is not in the pool: join Swarm streams, or have spec.pool name what has this pod"},
		{"another pod of the account", own, second, "this Assignment is worker streams-0's, and you are pod streams-1"},
		{"a pod of the same name elsewhere", own, namesake, "this Assignment is for pod streams-0 in namespace " + ns},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := admin().assignments(ns).get(t.Context(), c.of.Name)
			if err != nil {
				t.Fatal(err)
			}
			const renew = `[{"op": "add", "path": "/status/incarnation", "value": "two"}]`
			refused(t, c.by.assignments(ns).patch(t.Context(), a.Name, renew, "status"), c.message)
			a.Status.Incarnation, a.Status.Version = "one", 3
			_, err = c.by.assignments(ns).writeStatus(t.Context(), a)
			refused(t, err, c.message)
		})
	}
}

// What the controller found out about a pod, by which it decides what that may still run, no worker changes.
func TestFindingsAreGuarded(t *testing.T) {
	ns := newNamespace(t)
	ann := user("ann", "workers")
	a := joined(t, ann, ns, "laptop")
	a.Status = api.AssignmentStatus{Pod: "p", Published: 2, Reads: 1}
	a, err := theController().assignments(ns).writeStatus(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*api.AssignmentStatus){
		"another pod":    func(s *api.AssignmentStatus) { s.Pod = "q" },
		"published more": func(s *api.AssignmentStatus) { s.Published = 3 },
		"read more":      func(s *api.AssignmentStatus) { s.Reads = 2 },
		"none of it":     func(s *api.AssignmentStatus) { s.Pod, s.Published, s.Reads = "", 0, 0 },
	} {
		t.Run(name, func(t *testing.T) {
			changed := a.DeepCopy()
			change(&changed.Status)
			_, err := ann.assignments(ns).writeStatus(t.Context(), changed)
			refused(t, err, "status.pod, published and reads say what the controller found out")
		})
	}
	a.Status.Incarnation, a.Status.Version = "one", 3
	if _, err := ann.assignments(ns).writeStatus(t.Context(), a); err != nil {
		t.Error(err)
	}
}

// A pod of another namespace may join here, under a name that is its own.
func TestPodOfAnotherNamespaceJoins(t *testing.T) {
	ns := newNamespace(t)
	other := newNamespace(t)
	node := pod(t, other, "default", "streams-0")
	if err := bind(t.Context(), ns, "teamtask-member", "Group", "system:serviceaccounts:"+other); err != nil {
		t.Fatal(err)
	}
	a, err := node.assignments(ns).create(t.Context(), newAssignment("streams", "streams-0"))
	if err != nil {
		t.Fatal(err)
	}
	a.Status.Incarnation = "one"
	if _, err := node.assignments(ns).writeStatus(t.Context(), a); err != nil {
		t.Error(err)
	}
}
