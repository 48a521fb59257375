package kube

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utilrand "k8s.io/apimachinery/pkg/util/rand"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// Claim takes a range: one that a Block of ours was given meanwhile, or else that of a Block which it creates, unless one is
// on its way. A Block that has got none when the wait is over stays, and the next claim goes on with it.
func (u *Upstream) Claim(ctx context.Context, _ string, req *v1alpha1.ClaimRequest) (*v1alpha1.ClaimResponse, error) {
	wait := time.Duration(0)
	if req.Wait != nil {
		wait = req.Wait.Duration
	}
	begun := time.Now()
	patient, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		changed := u.next()
		wl, err := u.look(ctx)
		if err != nil {
			return nil, err
		}
		resp := &v1alpha1.ClaimResponse{LeaseSeconds: leaseOf(wl).Seconds(), Unclaimed: unclaimed(wl)}
		lease, why, again := u.take(wl)
		resp.None, resp.Message = why.None, why.Message
		switch {
		case lease != nil:
			resp.Leases = []v1alpha1.Lease{*lease}
			return resp, nil
		case resp.None == v1alpha1.NoneOver:
			return resp, nil
		case resp.None == "":
			if err := u.ask(ctx, wl, req.Bulk); err != nil {
				return nil, err
			}
			continue
		}
		if patient.Err() != nil {
			return resp, ctx.Err()
		}
		if held(wl) {
			phase := wl.Status.Phase()
			u.await(patient, wl, func(wl *v1alpha1.Worklist) bool { return wl.Status.Phase() != phase })
			continue
		}
		rest := wait - time.Since(begun)
		if again > 0 {
			rest = min(rest, again)
		}
		timer := time.NewTimer(rest)
		select {
		case <-changed:
		case <-timer.C:
		case <-patient.Done():
		}
		timer.Stop()
	}
}

// next is closed when something changes in what is held.
func (u *Upstream) next() <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.changed
}

// held tells whether the list hands out nothing to anybody just now.
func held(wl *v1alpha1.Worklist) bool { return wl.Status.Phase() != v1alpha1.PhaseActive }

// why there is no block.
type why struct {
	None    v1alpha1.NoneReason
	Message string
}

// take gives the tier a range that a Block of ours has, or says why there is none, and when to look again although nothing
// has changed. A reason that is empty asks for a new Block.
func (u *Upstream) take(wl *v1alpha1.Worklist) (lease *v1alpha1.Lease, no why, again time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := time.Now()
	phase := wl.Status.Phase()
	if phase.Over() {
		return nil, why{v1alpha1.NoneOver, fmt.Sprintf("the list is over: %s", wl.Status.Reason())}, 0
	}
	var coming *holding
	count := 0
	for uid, h := range u.held {
		switch {
		case h.ready():
			return u.hand(h, uid, wl, now), why{}, 0
		case h.coming():
			coming = h
			count++
		case h.taken():
			count++
		}
	}
	switch {
	case phase == v1alpha1.PhaseWaiting:
		no = why{v1alpha1.NoneAfter, wl.Status.Reason()}
	case held(wl):
		no = why{v1alpha1.NoneSuspended, fmt.Sprintf("the list is %s: %s", phase, wl.Status.Reason())}
	case coming != nil:
		no = reasonOf(coming.seen)
	case u.o.Most > 0 && count >= u.o.Most:
		no = why{v1alpha1.NoneWorkerLimit, fmt.Sprintf("this worker holds %d Blocks, as many as it has a use for", count)}
	case now.Before(u.rest):
		no, again = why{v1alpha1.NoneBlockLimit, "as many Blocks are there as may be"}, u.rest.Sub(now)
	}
	return nil, no, again
}

// hand gives the tier the range that a Block has.
func (u *Upstream) hand(h *holding, uid types.UID, wl *v1alpha1.Worklist, now time.Time) *v1alpha1.Lease {
	s := &h.seen.Status
	r := s.Range()
	h.turn = &turn{number: s.Turn, attempt: s.Attempt(), since: now, whole: r.Core(), renewed: h.given}
	u.refused = 0
	return &v1alpha1.Lease{Token: token{h.name, uid, wl.UID, s.Turn, r.Core()}.String(), Index: r.Index, Size: r.Size, Attempt: s.Attempt(), Deadline: h.given.Add(leaseOf(wl))}
}

// reasonOf is why a Block waits.
func reasonOf(b *v1alpha1.Block) why {
	no := why{v1alpha1.NoneReason(b.Status.Phase()), b.Status.Reason()}
	switch no.None {
	case v1alpha1.NoneSuspended, v1alpha1.NoneAfter, v1alpha1.NoneAllOut, v1alpha1.NoneResting, v1alpha1.NoneInDoubt, v1alpha1.NoneWorkerLimit,
		v1alpha1.NoneBlockLimit, v1alpha1.NoneRateLimit:
		return no
	}
	return why{v1alpha1.NoneAllOut, fmt.Sprintf("Block %s waits for its items: %s", b.Name, no.Message)}
}

// unclaimed is how many items nobody holds.
func unclaimed(wl *v1alpha1.Worklist) int64 {
	s := &wl.Status
	return max(0, s.Size-s.Done-s.Failed-s.Leased)
}

// ask creates a Block. Its name is chosen here and not by the API server, so that creating it can be repeated where the answer
// was lost.
func (u *Upstream) ask(ctx context.Context, wl *v1alpha1.Worklist, bulk int64) error {
	u.mu.Lock()
	if u.asking == "" {
		u.asking = fmt.Sprintf("%.240s-%s", u.o.List, utilrand.String(10))
	}
	name := u.asking
	u.mu.Unlock()
	b := &v1alpha1.Block{ObjectMeta: metav1.ObjectMeta{Namespace: u.o.Namespace, Name: name, Finalizers: []string{v1alpha1.BlockFinalizer},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.WorklistKind, Name: wl.Name, UID: wl.UID}}},
		Spec: v1alpha1.BlockSpec{Worklist: u.o.List, Worker: u.o.Worker, Refill: true}}
	if u.o.Bulk {
		b.Spec.Size = min(bulk, worklist.MaxSize)
	}
	create := operation{"create", "blocks"}
	err := u.call(ctx, create, func(ctx context.Context) error { return u.o.Client.Create(ctx, b) })
	tried := apierrors.IsAlreadyExists(err)
	if tried {
		err = u.call(ctx, operation{"get", "blocks"}, func(ctx context.Context) error {
			return u.o.Client.Get(ctx, types.NamespacedName{Namespace: u.o.Namespace, Name: name}, b)
		})
	}
	if overQuota(err) || tried && apierrors.IsNotFound(err) {
		u.o.Log.Debug("the namespace's quota is used up, or the Block was turned away", "error", err)
		u.update(func() { u.asking = ""; u.turnedAway() })
		return nil
	}
	if err != nil {
		return explain(create, u.o.Namespace, u.o.List, err)
	}
	u.hold(b)
	return nil
}

// turnedAway has the next Block wait: longer after each that was refused, and not at the same time as those of others.
func (u *Upstream) turnedAway() {
	const first, most = time.Second, 30 * time.Second
	d := min(first<<min(u.refused, 10), most)
	u.rest = time.Now().Add(d/2 + rand.N(d))
	u.refused++
}
