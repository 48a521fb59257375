package faults

import (
	"net/http"
	"slices"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/chaos"
)

// A Block that a person has made, in a cluster without the admission policies, goes with its list once it has been given something,
// and not before what it has done is merged: though it is deleted before anybody has looked.
func TestBlockMadeByHand(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	busy := chaos.NewGate(readsBlocks)
	s.manage(busy.Fault)
	s.create("list", v1alpha1.WorklistSpec{Size: 4, Block: v1alpha1.BlockPolicy{Size: 4}})
	s.make(&v1alpha1.Block{ObjectMeta: metav1.ObjectMeta{Name: "byhand", Namespace: s.ns}, Spec: v1alpha1.BlockSpec{Worklist: "list", Worker: "hand"}})
	x := &hand{worker: s.worker("list", "hand"), name: "byhand"}
	x.must(x.next(t.Context()), "the Block is given a range")
	if b := x.version; !slices.Contains(b.Finalizers, v1alpha1.BlockFinalizer) || listOf(b) == "" {
		t.Errorf("finalizers are %v, owners %v", b.Finalizers, b.OwnerReferences)
	}
	x.uid = x.version.UID
	busy.Close()
	x.done()
	s.delete("byhand", x.uid)
	busy.Open()
	s.complete("list", 0)
}

// A Block of a list that does not exist changes while it is about to be told so. It is told so all the same.
func TestNoWorklistAfterAConflict(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var once sync.Once
	s.manage(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		var refused *http.Response
		if writes(r) {
			once.Do(func() { refused = chaos.Answer(r, http.StatusConflict, "Conflict") })
		}
		if refused != nil {
			return refused, nil
		}
		return send()
	})
	s.make(&v1alpha1.Block{ObjectMeta: metav1.ObjectMeta{Name: "byhand", Namespace: s.ns}, Spec: v1alpha1.BlockSpec{Worklist: "none", Worker: "hand"}})
	s.phase("byhand", "NoWorklist")
}
