package policy

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "teamtask.dev/api/v1alpha1"
)

// A Block says who created it, whatever they say themselves.
func TestBlockIsStamped(t *testing.T) {
	ns := newNamespace(t)
	ann, node := user("ann", "workers"), pod(t, ns, "default", "primes-0")
	unbound := account(ns, "default")
	for _, c := range []struct {
		name         string
		by           caller
		asks         api.BlockSpec
		user, worker string
	}{
		{"nothing-asked", ann, api.BlockSpec{}, "ann", "ann"},
		{"worker-named", ann, api.BlockSpec{Worker: "laptop"}, "ann", "laptop"},
		{"another-user", ann, api.BlockSpec{User: "bob"}, "ann", "ann"},
		{"pod", node, api.BlockSpec{}, "system:serviceaccount:" + ns + ":default", "primes-0"},
		{"pod-under-another-name", node, api.BlockSpec{User: "bob", Worker: "primes-1"}, "system:serviceaccount:" + ns + ":default", "primes-0"},
		{"account", unbound, api.BlockSpec{Worker: "outside"}, "system:serviceaccount:" + ns + ":default", "outside"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBlock(c.name, "primes")
			c.asks.Worklist, c.asks.Size, c.asks.Refill = "primes", 17, true
			b.Spec = c.asks
			b, err := c.by.blocks(ns).create(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			c.asks.User, c.asks.Worker = c.user, c.worker
			if b.Spec != c.asks {
				t.Errorf("spec %+v, expected %+v", b.Spec, c.asks)
			}
			if !slices.Equal(b.Finalizers, []string{api.BlockFinalizer}) {
				t.Errorf("finalizers %q", b.Finalizers)
			}
		})
	}
}

func TestFinalizersThatAreThereStay(t *testing.T) {
	ns := newNamespace(t)
	for name, given := range map[string][]string{"ours": {api.BlockFinalizer}, "anothers": {"example.com/hold"}} {
		b := newBlock(name, "primes")
		b.Finalizers = given
		b, err := user("ann", "workers").blocks(ns).create(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(b.Finalizers)
		want := slices.Compact(slices.Sorted(slices.Values(append(given, api.BlockFinalizer))))
		if !slices.Equal(b.Finalizers, want) {
			t.Errorf("%s: finalizers %q, expected %q", name, b.Finalizers, want)
		}
	}
}

// A new Block has been given nothing, whatever it says.
func TestNewBlockIsPending(t *testing.T) {
	ns := newNamespace(t)
	b := newBlock("greedy", "primes")
	b.Status = api.BlockStatus{Turn: 7, Index: new(int64(0)), Size: new(int64(1000)), Done: 1000}
	b.Status.SetPhase(api.BlockDone, "I say so", metav1.Now())
	b, err := user("ann", "workers").blocks(ns).create(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = admin().blocks(ns).get(t.Context(), b.Name); err != nil {
		t.Fatal(err)
	}
	if s := b.Status; s.Turn != 0 || s.Index != nil || s.Size != nil || s.Done != 0 || s.Phase() != api.BlockPending || s.Finished() != "" {
		t.Errorf("status %+v", s)
	}
}

// Who may create Blocks may not for that reason work on every list: the verb work says on which.
func TestBlockTakesTheVerbWork(t *testing.T) {
	ns := newNamespace(t)
	_, err := admin().clientset().RbacV1().Roles(ns).Create(t.Context(), &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "primes-only"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{api.Group}, Resources: []string{"blocks"}, Verbs: []string{"create"}},
		{APIGroups: []string{api.Group}, Resources: []string{"worklists"}, Verbs: []string{"work"}, ResourceNames: []string{"primes"}},
		{APIGroups: []string{api.Group}, Resources: []string{"worklists"}, Verbs: []string{"get", "list", "watch", "update"}},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = admin().clientset().RbacV1().RoleBindings(ns).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "primes-only"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "primes-only"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "ann"}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ann := user("ann").blocks(ns)
	if err := eventually(t.Context(), func() error { // RBAC hears of bindings a moment later
		_, err := ann.create(t.Context(), newBlock("allowed", "primes"))
		return err
	}); err != nil {
		t.Error(err)
	}
	_, err = ann.create(t.Context(), newBlock("refused", "others"))
	refused(t, err, `user ann may not work on worklist others: it takes the verb "work" on worklists.teamtask.dev in namespace `+ns)
	_, err = user("bob").blocks(ns).create(t.Context(), newBlock("refused", "primes"))
	refused(t, err, `User "bob" cannot create resource "blocks"`) // by RBAC
}

// A quota bounds the Blocks of a namespace, and counts those that are gone no longer.
func TestQuotaOfBlocks(t *testing.T) {
	ns := newNamespace(t)
	const count = "count/blocks.teamtask.dev"
	quotas := admin().clientset().CoreV1().ResourceQuotas(ns)
	_, err := quotas.Create(t.Context(), &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "blocks"},
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{count: resource.MustParse("2")}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := eventually(t.Context(), func() error {
		q, err := quotas.Get(t.Context(), "blocks", metav1.GetOptions{})
		if _, counted := q.Status.Used[count]; err == nil && !counted {
			err = errNotYet
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	blocks := user("ann", "workers").blocks(ns)
	for _, name := range []string{"one", "two"} {
		if _, err := blocks.create(t.Context(), newBlock(name, "primes")); err != nil {
			t.Fatal(err)
		}
	}
	_, err = blocks.create(t.Context(), newBlock("three", "primes"))
	refused(t, err, "exceeded quota: blocks")
	if err := blocks.remove(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	release(t, ns, "one")
	if err := eventually(t.Context(), func() error {
		_, err := blocks.create(t.Context(), newBlock("three", "primes"))
		return err
	}); err != nil {
		t.Error(err)
	}
}

// Without the stamp no Block is taken: a policy that somebody has removed lets nobody pass for another.
func TestNoBlockWithoutTheStamp(t *testing.T) {
	ns := newNamespace(t)
	restore := withoutStamp(t, "stamp-block.teamtask.dev")
	ann, first := user("ann", "workers").blocks(ns), pod(t, ns, "default", "primes-0").blocks(ns)
	const message = "the MutatingAdmissionPolicy stamp-block.teamtask.dev, which "
	for _, c := range []struct {
		by   objects[api.Block]
		asks api.BlockSpec
		has  []string
		lack string
	}{
		{ann, api.BlockSpec{User: "bob"}, []string{api.BlockFinalizer}, "spec.user and spec.worker do not say who creates the Block; " + message},
		{ann, api.BlockSpec{User: "ann"}, nil, "the finalizer teamtask.dev/merge is missing; " + message},
		{first, api.BlockSpec{User: "system:serviceaccount:" + ns + ":default", Worker: "primes-1"}, []string{api.BlockFinalizer}, "spec.user and spec.worker do not say"},
	} {
		b := newBlock("", "primes")
		b.GenerateName, b.Finalizers = "primes-", c.has
		b.Spec = c.asks
		b.Spec.Worklist = "primes"
		var refusal error
		if err := eventually(t.Context(), func() error { // the API server goes by the binding a moment longer
			if _, refusal = c.by.create(t.Context(), b); refusal == nil {
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

// withoutStamp takes the binding of a policy that stamps away, until it is restored.
func withoutStamp(t *testing.T, policy string) (restore func()) {
	t.Helper()
	bindings := admin().clientset().AdmissionregistrationV1().MutatingAdmissionPolicyBindings()
	binding, err := bindings.Get(t.Context(), policy, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := bindings.Delete(t.Context(), binding.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	return func() {
		binding.ResourceVersion, binding.UID = "", ""
		if _, err := bindings.Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := eventually(t.Context(), func() error { return policiesHold(t.Context()) }); err != nil {
			t.Fatal(err)
		}
	}
}
