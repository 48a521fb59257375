package policy

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "teamtask.dev/api/v1alpha1"
)

// withoutFinalizers is the strict patch by which the controller lets a Block go: it fails if the finalizer is not there.
const withoutFinalizers = `[{"op": "test", "path": "/metadata/finalizers/0", "value": "` + api.BlockFinalizer + `"}, {"op": "remove", "path": "/metadata/finalizers/0"}]`

// release lets a Block go, as the controller does once it is merged.
func release(t *testing.T, namespace, name string) {
	t.Helper()
	if err := theController().blocks(namespace).patch(t.Context(), name, withoutFinalizers); err != nil {
		t.Fatal(err)
	}
}

// A Block that is deleted stays until the controller has merged it.
func TestBlockStaysUntilItIsMerged(t *testing.T) {
	ns := newNamespace(t)
	ann := user("ann", "workers")
	b := given(t, ann, ns)
	const message = "the finalizer teamtask.dev/merge keeps the Block until its work is merged into its Worklist"
	refused(t, ann.blocks(ns).patch(t.Context(), b.Name, withoutFinalizers), "cannot patch resource") // by RBAC
	refused(t, editor(t, ns).blocks(ns).patch(t.Context(), b.Name, withoutFinalizers), message)
	b.Finalizers = nil
	_, err := editor(t, ns).blocks(ns).update(t.Context(), b)
	refused(t, err, message)
	if err := ann.blocks(ns).remove(t.Context(), b.Name); err != nil {
		t.Fatal(err)
	}
	refused(t, editor(t, ns).blocks(ns).patch(t.Context(), b.Name, withoutFinalizers), message)
	if b, err = admin().blocks(ns).get(t.Context(), b.Name); err != nil || b.DeletionTimestamp == nil {
		t.Fatalf("%+v, %v", b, err)
	}
	// Its worker may still turn it in, and the controller expire it.
	b.Status.DoneRanges = []api.Range{part(1000, 1000)}
	b.Status.SetPhase(api.BlockDone, "", metav1.Now())
	if _, err := ann.blocks(ns).writeStatus(t.Context(), b); err != nil {
		t.Error(err)
	}
	release(t, ns, b.Name)
	if _, err := admin().blocks(ns).get(t.Context(), b.Name); !apierrors.IsNotFound(err) {
		t.Errorf("the Block is still there: %v", err)
	}
}

// Labels and other finalizers are anybody's who may update Blocks.
func TestMetadataIsFree(t *testing.T) {
	ns := newNamespace(t)
	b := given(t, user("ann", "workers"), ns)
	eve := editor(t, ns).blocks(ns)
	b.Labels, b.Finalizers = map[string]string{"team": "blue"}, append(b.Finalizers, "example.com/hold")
	b, err := eve.update(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	b.Finalizers = []string{api.BlockFinalizer}
	if _, err := eve.update(t.Context(), b); err != nil {
		t.Error(err)
	}
}

func TestWorkersDeleteTheirOwnBlocksOnly(t *testing.T) {
	ns := newNamespace(t)
	ann, first, second := user("ann", "workers"), pod(t, ns, "default", "primes-0"), pod(t, ns, "default", "primes-1")
	for _, c := range []struct {
		name      string
		owner, by caller
		allowed   bool
	}{
		{"one's own", ann, ann, true},
		{"another's", ann, user("bob", "workers"), false},
		{"a pod's own", first, first, true},
		{"another pod's", first, second, false},
		{"by an editor", ann, editor(t, ns), true},
		{"by the controller", ann, theController(), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := given(t, c.owner, ns)
			err := c.by.blocks(ns).remove(t.Context(), b.Name)
			if !c.allowed {
				refused(t, err, "a worker deletes its own Blocks only")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// Kubernetes' own controllers delete what they must: Blocks whose pod is gone, in the background or the foreground.
func TestGarbageIsCollected(t *testing.T) {
	ns := newNamespace(t)
	for _, policy := range []metav1.DeletionPropagation{metav1.DeletePropagationBackground, metav1.DeletePropagationForeground} {
		t.Run(string(policy), func(t *testing.T) {
			core := admin().clientset().CoreV1()
			owner, err := core.ConfigMaps(ns).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "owner-"}}, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			b := newBlock("", "primes")
			b.GenerateName = "primes-"
			b.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID, BlockOwnerDeletion: new(true)}}
			if b, err = user("ann", "workers").blocks(ns).create(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			if err := core.ConfigMaps(ns).Delete(t.Context(), owner.Name, metav1.DeleteOptions{PropagationPolicy: &policy}); err != nil {
				t.Fatal(err)
			}
			mergeOnceDeleted(t, ns, b.Name)
		})
	}
}

// A Block whose deletion waits for what it owns loses that finalizer to the garbage collector, and ours to the controller.
func TestForegroundDeletionOfABlock(t *testing.T) {
	ns := newNamespace(t)
	b := given(t, user("ann", "workers"), ns)
	_, err := admin().clientset().CoreV1().ConfigMaps(ns).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "owned",
		OwnerReferences: []metav1.OwnerReference{{APIVersion: api.APIVersion, Kind: api.BlockKind, Name: b.Name, UID: b.UID, BlockOwnerDeletion: new(true)}}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := user("ann", "workers").blocks(ns).Delete(t.Context(), b.Name, metav1.DeleteOptions{PropagationPolicy: new(metav1.DeletePropagationForeground)}); err != nil {
		t.Fatal(err)
	}
	mergeOnceDeleted(t, ns, b.Name)
}

func TestNamespaceIsDeleted(t *testing.T) {
	ns := newNamespace(t)
	b := given(t, pod(t, ns, "default", "primes-0"), ns)
	if err := admin().clientset().CoreV1().Namespaces().Delete(t.Context(), ns, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	mergeOnceDeleted(t, ns, b.Name)
	if err := eventually(t.Context(), func() error {
		_, err := admin().clientset().CoreV1().Namespaces().Get(t.Context(), ns, metav1.GetOptions{})
		if err == nil {
			return errNotYet
		}
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

// mergeOnceDeleted waits until a Block is deleted, lets it go as the controller does, and waits until it is gone.
func mergeOnceDeleted(t *testing.T, namespace, name string) {
	t.Helper()
	if err := eventually(t.Context(), func() error {
		b, err := theController().blocks(namespace).get(t.Context(), name)
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err == nil && b.DeletionTimestamp == nil {
			return errNotYet
		}
		if err == nil && len(b.Finalizers) > 0 && b.Finalizers[0] == api.BlockFinalizer {
			err = theController().blocks(namespace).patch(t.Context(), name, withoutFinalizers)
		}
		return errors.Join(err, errNotYet)
	}); err != nil {
		t.Fatal(err)
	}
}
